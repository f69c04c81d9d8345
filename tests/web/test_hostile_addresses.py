"""Whatever stands in an address, the answer is a page and not a mistake of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World

ARGUMENTS = (
    "at",
    "since",
    "until",
    "range",
    "kind",
    "by",
    "order",
    "q",
    "status",
    "protocol",
    "after",
    "before",
    "filter",
    "actor",
    "action",
    "subject",
    "measure",
    "value",
    "lasting",
    "container",
)
PAGES = (
    "/stuck",
    "/changes",
    "/",
    "/containers",
    "/connections",
    "/messages/",
    "/messages/older",
    "/audit/",
    "/protocol-migrations",
    "/gateways",
    "/users/",
    "/statistics/threshold",
    "/notes/",
)
VALUES = ["%00", "a%00b", "%ff", "%ed%a0%80", "'", "\\", "%25", "[", "9" * 5000]


@pytest.mark.parametrize("value", VALUES, ids=[value[:10] for value in VALUES])
def test_no_value_of_a_query_is_our_mistake(sign_in: SignIn, world: World, value: str) -> None:
    world.record(world.connected(world.container()))
    admin = sign_in("admin")
    wrong = {
        (page, argument, answer.status_code)
        for page in PAGES
        for argument in ARGUMENTS
        if (answer := admin.get(f"{page}?{argument}={value}")).status_code not in {200, 400, 414}
    }
    assert not wrong


@pytest.mark.parametrize("value", VALUES[:7], ids=[value[:10] for value in VALUES[:7]])
def test_no_sessions_name_is_our_mistake(sign_in: SignIn, world: World, value: str) -> None:
    container = world.container()
    answer = sign_in("viewer").get(f"/containers/{container.id}/sessions/{value}")
    assert answer.status_code in {400, 404}
