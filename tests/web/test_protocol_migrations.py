from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from app.models import ProtocolMigration
from app.queries import protocol_migrations as queries

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World

REASON = {"to_protocol": "acp", "reason": "less latency"}


def test_a_request_writes_the_intent(sign_in: SignIn, world: World) -> None:
    container = world.container()
    migrator = sign_in("migrator")
    answer = migrator.post(f"/containers/{container.id}/protocol-migrations", data=REASON)
    intent = queries.open_of(world.session, container.id)
    assert intent is not None
    assert (intent.to_protocol, intent.reason, intent.requested_by) == (
        "acp",
        "less latency",
        "migrator@example.com",
    )
    page = migrator.get(answer.headers["Location"]).text
    assert "is requested" in page
    assert 'id="migrate-to-acp"' not in page


def test_it_says_why_it_cannot_be(sign_in: SignIn, world: World) -> None:
    migrator = sign_in("migrator")
    http_only = world.container("old", ("http",))
    both = world.container("new")
    tried = [
        (http_only, REASON, "registered without ACP"),
        (both, REASON | {"to_protocol": "http"}, "is on HTTP already"),
        (both, REASON | {"to_protocol": "gopher"}, "Not a valid choice"),
        (both, REASON | {"reason": "  "}, "reason: This field is required"),
        (both, REASON | {"reason": "x" * 501}, "longer than 500"),
    ]
    for container, data, problem in tried:
        answer = migrator.post(
            f"/containers/{container.id}/protocol-migrations", data=data, follow_redirects=True
        )
        assert problem in answer.text.replace("&#39;", "'"), problem
        assert queries.open_of(world.session, container.id) is None


def test_one_at_a_time(sign_in: SignIn, world: World) -> None:
    container = world.container()
    path, migrator = f"/containers/{container.id}/protocol-migrations", sign_in("migrator")
    migrator.post(path, data=REASON)
    assert (
        "Another one is there: to ACP, pending"
        in migrator.post(path, data=REASON, follow_redirects=True).text
    )
    assert len(queries.of_container(world.session, container.id)) == 1


def test_roll_back(sign_in: SignIn, world: World) -> None:
    container = world.container()
    migration = world.migrated(container, world.connected(container))
    path, migrator = f"/protocol-migrations/{migration}/rollback", sign_in("migrator")
    assert f'formaction="{path}"' in migrator.get(f"/containers/{container.id}").text
    assert "required" in migrator.post(path, data={}, follow_redirects=True).text
    assert queries.open_of(world.session, container.id) is None
    migrator.post(path, data={"reason": "errors"})
    intent = queries.open_of(world.session, container.id)
    assert intent is not None
    assert (intent.to_protocol, intent.cause, str(intent.rollback_of_id)) == ("http", "rollback", migration)


def test_what_has_not_succeeded_cannot_be_rolled_back(sign_in: SignIn, world: World) -> None:
    container = world.container()
    migrator = sign_in("migrator")
    migrator.post(f"/containers/{container.id}/protocol-migrations", data=REASON)
    intent = queries.open_of(world.session, container.id)
    assert intent is not None
    path = f"/protocol-migrations/{intent.id}/rollback"
    assert "only a protocol migration" in migrator.post(path, data=REASON, follow_redirects=True).text.lower()


def test_only_migrators_may(sign_in: SignIn, world: World) -> None:
    container = world.container()
    path = f"/containers/{container.id}/protocol-migrations"
    assert sign_in("operator").post(path, data=REASON).status_code == 403
    assert queries.open_of(world.session, container.id) is None


def test_they_take_posts_only(sign_in: SignIn, world: World) -> None:
    container = world.container()
    admin = sign_in("admin")
    assert admin.get(f"/containers/{container.id}/protocol-migrations").status_code == 405
    assert admin.get(f"/protocol-migrations/{uuid.uuid4()}/rollback").status_code == 405


def test_the_fleets_history(sign_in: SignIn, world: World) -> None:
    container = world.container()
    viewer = sign_in("viewer")
    assert "No protocol migrations" in viewer.get("/protocol-migrations").text
    migration = world.migrated(container, world.connected(container))
    page = viewer.get("/protocol-migrations").text
    assert "try it" in page
    assert "completed" in page
    assert f'href="/containers/{container.id}"' in page
    assert viewer.get("/protocol-migrations?before=x").status_code == 400
    assert viewer.get("/protocol-migrations?since=soon").status_code == 400
    assert queries.get(world.session, uuid.UUID(migration)).success


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("container=WEB", True),
        ("container=old", False),
        ("outcome=completed&protocol=acp&cause=operator&actor=es&since=-1h", True),
        ("outcome=failed", False),
        ("outcome=rolled_back", False),
        ("outcome=open", False),
        ("outcome=nonsense", True),
        ("protocol=http", False),
        ("cause=fallback", False),
        ("actor=nobody", False),
        ("until=-1h", False),
        ("sort=-start", True),
    ],
)
def test_the_history_is_narrowed(
    sign_in: SignIn,
    world: World,
    query: str,
    found: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    container = world.container()
    world.migrated(container, world.connected(container))
    page = sign_in("viewer").get(f"/protocol-migrations?{query}").text
    assert ("try it" in page) == found
    assert ("No protocol migration matches" in page) == (not found)


def test_the_history_is_paged(sign_in: SignIn, world: World) -> None:
    for number in range(52):
        world.session.add(
            ProtocolMigration(
                container_id=world.container(f"web-{number:02}").id, from_protocol="http", to_protocol="acp"
            )
        )
        world.session.commit()
    viewer = sign_in("viewer")
    first = viewer.get("/protocol-migrations?protocol=acp").text
    following = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = viewer.get(following).text
    assert (">web-02<" in first, ">web-01<" in first) == (True, False)
    assert (">web-02<" in second, ">web-01<" in second) == (False, True)
    assert "protocol=acp&amp;before=" in second
    assert "ws-connect" in first
    assert "ws-connect" not in second
