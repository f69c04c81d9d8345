"""The way home on a container's page: who sees and sets the wish, and what is decided now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.models import AuditEvent, ProtocolMigration
from app.protocol.states import MigrationPhase, Protocol
from app.protocol.way_home import WayHome
from app.queries.way_home import wish_of

if TYPE_CHECKING:
    from app.models import Container
    from tests.web.conftest import SignIn, World

FILLED = {
    "wanted": "y",
    "stable_seconds": "60",
    "cool_down_seconds": "120",
    "max_attempts": "2",
    "reason": "it restarts at night",
}
WISH = WayHome(wanted=True, stable_seconds=60, cool_down_seconds=120, max_attempts=2)


def stored(world: World, container: Container) -> WayHome:
    world.session.expire_all()
    return wish_of(container)


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", False), ("operator", False), ("migrator", True), ("admin", True)]
)
def test_who_sets_it(sign_in: SignIn, world: World, role: str, may: bool) -> None:  # noqa: FBT001
    container = world.container()
    person, path = sign_in(role), f"/containers/{container.id}"
    page = person.get(path).text
    assert "Way home: stays on HTTP after a fallback: a return is not wanted." in page
    assert ("Save the way home" in page) is may
    assert person.post(f"{path}/way-home", data=FILLED).status_code == (302 if may else 403)
    assert stored(world, container) == (WISH if may else WayHome())
    if may:
        event = world.session.query(AuditEvent).filter_by(action="way home changed").one()
        assert (event.reason, event.actor) == ("it restarts at night", f"{role}@example.com")
        assert (event.before, event.after) == (WayHome().as_dict(), WISH.as_dict())
        assert "way home changed" in person.get("/audit/").text
        assert 'value="120"' in person.get(path).text


def test_the_page_says_what_is_decided(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container(), sign_in("migrator")
    path = f"/containers/{container.id}"
    migrator.post(f"{path}/way-home", data=FILLED)
    assert "Way home: stays on HTTP: it is not there because of a fallback." in migrator.get(path).text
    fallback = ProtocolMigration(
        container_id=container.id,
        from_protocol="acp",
        to_protocol="http",
        phase=MigrationPhase.COMPLETED,
        cause="fallback",
    )
    world.session.add(fallback)
    world.session.flush()
    world.session.refresh(fallback)
    fallback.success = True
    fallback.completed_at = fallback.started_at.replace(year=fallback.started_at.year + 1)
    world.session.commit()
    assert "returns to ACP once it has been connected over HTTP for a while." in migrator.get(path).text
    world.connected(container, transport=Protocol.HTTP)
    assert 'Way home: returns to ACP at <time datetime="' in migrator.get(path).text


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"reason": " "}, "reason: This field is required"),
        ({"stable_seconds": "0"}, "a number from 1 to 86400"),
        ({"cool_down_seconds": "soon"}, "Not a valid integer"),
        ({"max_attempts": "21"}, "a number from 1 to 20"),
    ],
)
def test_what_is_wrong_is_told(sign_in: SignIn, world: World, changed: dict[str, str], problem: str) -> None:
    container = world.container()
    answer = sign_in("migrator").post(
        f"/containers/{container.id}/way-home", data=FILLED | changed, follow_redirects=True
    )
    assert problem in answer.text
    assert stored(world, container) == WayHome()


def test_there_is_no_way_home_without_acp(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container("old", ("http",)), sign_in("migrator")
    assert "Save the way home" not in migrator.get(f"/containers/{container.id}").text
    answer = migrator.post(f"/containers/{container.id}/way-home", data=FILLED, follow_redirects=True)
    assert "there is nothing to return to" in answer.text
    assert stored(world, container) == WayHome()
