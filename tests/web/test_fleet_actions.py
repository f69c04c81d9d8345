"""Many containers at once: chosen in the list, previewed, confirmed by their count, followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.models import ConnectionAction, FleetAction
from app.services import connection_actions

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from app.models import Container
    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def fleet(world: World) -> list[Container]:
    fleet = [world.container(f"web-{number}") for number in range(4)]
    fleet[3].configuration.enable_bulk_operations = False
    world.session.commit()
    return fleet


def confirm(client: FlaskClient, query: str, **values: str) -> tuple[int, str]:
    """Open the preview and send its form as it stands, with what a person types."""
    page = client.get(f"/fleet-actions/new?{query}").text
    form = page.partition('class="card column-side"')[2].partition("</form>")[0]
    hidden = re.findall(r'type="hidden" [^>]*name="([^"]+)"[^>]* value="([^"]*)"', form)
    hidden += re.findall(r'id="shown" name="(shown)" type="hidden" value="([^"]*)"', form)
    data: dict[str, list[str]] = {}
    for name, value in hidden:
        data.setdefault(name, []).append(value)
    answer = client.post("/fleet-actions/", data=data | {"reason": ["a wave"]} | values)
    return answer.status_code, answer.headers.get("Location", answer.text)


def asked(world: World) -> set[str]:
    return {str(each) for each in world.session.scalars(select(ConnectionAction.container_id))}


@pytest.mark.usefixtures("fleet")
def test_the_preview_names_who_is_left_out_and_asks_nothing(sign_in: SignIn, world: World) -> None:
    page = sign_in("operator").get("/fleet-actions/new?kind=probe&choose=all").text
    assert "Asked of 3" in page
    assert "bulk operations are off" in page
    assert "<li>web-3</li>" in page
    assert "containers all probe --reason=WHY" in page
    assert asked(world) == set()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("choose=all&kind=reconnect", {0, 1, 2}),
        ("choose=all&kind=reconnect&q=web-1", {1}),
        ("choose=page&kind=probe&sort=-name", {0, 1, 2}),
        ("choose=selected&kind=disconnect&container={0}&container={2}&container={3}&q=web-1", {0, 2}),
    ],
)
def test_it_is_asked_of_those_who_were_shown(
    sign_in: SignIn, world: World, fleet: list[Container], query: str, expected: set[int]
) -> None:
    filled = query.format(*(each.id for each in fleet))
    operator = sign_in("operator")
    status, location = confirm(operator, filled, count=str(len(expected)))
    assert status == 302, location
    assert asked(world) == {str(fleet[number].id) for number in expected}
    stored = world.session.scalars(select(FleetAction)).one()
    assert location == f"/fleet-actions/{stored.id}"
    page = operator.get(location).text
    assert f"<b>{len(expected)}</b> ◐ under way" in page
    assert f'ws-connect="/live/fleet-actions/{stored.id}"' in page


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"count": "4"}, "type 3 to confirm"),
        ({"count": ""}, "required"),
        ({"count": "3", "reason": " "}, "required"),
        ({"count": "3", "shown": "x"}, "has changed since it was shown"),
    ],
)
def test_it_is_not_asked_without_confirmation(
    sign_in: SignIn, world: World, values: dict[str, str], problem: str
) -> None:
    status, page = confirm(sign_in("operator"), "choose=all&kind=probe", **values)
    assert status == 422
    assert problem in page
    assert asked(world) == set()


@pytest.mark.usefixtures("fleet")
def test_a_changed_set_is_shown_anew(sign_in: SignIn, world: World) -> None:
    operator = sign_in("operator")
    shown = re.search(
        r'name="shown"[^>]*value="(\w+)"', operator.get("/fleet-actions/new?kind=probe&choose=all").text
    )
    assert shown
    world.container("web-9")
    data = {"kind": "probe", "choose": "all", "shown": shown[1], "count": "3", "reason": "r"}
    answer = operator.post("/fleet-actions/", data=data)
    assert answer.status_code == 422
    assert "Asked of 4" in answer.text
    assert asked(world) == set()


@pytest.mark.usefixtures("fleet")
def test_what_came_of_it(sign_in: SignIn, world: World) -> None:
    operator = sign_in("operator")
    _, location = confirm(operator, "choose=all&kind=probe", count="3")
    first, second, _ = world.session.scalars(select(ConnectionAction).order_by(ConnectionAction.id))
    connection_actions.finish(world.session, first, success=True, outcome="answered in 3 ms")
    connection_actions.finish(world.session, second, success=False, outcome=HOSTILE)
    world.session.commit()
    page = operator.get(location).text
    assert HOSTILE not in page
    assert page.index("&lt;img") < page.index("waiting for a gateway") < page.index("answered in 3 ms")


@pytest.mark.usefixtures("fleet")
def test_nothing_chosen_and_nonsense(sign_in: SignIn) -> None:
    operator = sign_in("operator")
    empty = operator.get("/fleet-actions/new?kind=probe&choose=selected", follow_redirects=True)
    assert "No container is chosen" in empty.text
    for query in ("kind=restart&choose=all", "choose=all", "kind=probe&choose=everything"):
        assert operator.get(f"/fleet-actions/new?{query}").status_code == 400, query
    many = "&".join(["container=00000000-0000-0000-0000-000000000007"] * 201)
    assert operator.get(f"/fleet-actions/new?kind=probe&{many}").status_code == 400
    assert operator.post("/fleet-actions/", data={}).status_code == 400
