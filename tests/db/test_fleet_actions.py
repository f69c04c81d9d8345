"""Actions on many containers: the preview says what single requests would, and is what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app.errors import Conflict, Invalid
from app.models import AuditEvent, ConnectionAction
from app.protocol.states import ActionKind
from app.queries import connection_actions as stored
from app.queries import fleet_actions as queries
from app.services import connection_actions, containers, fleet_actions, protocol_migrations
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container

    Register = Callable[..., Container]


@pytest.fixture
def fleet(session: Session, register: Register) -> dict[str, Container]:
    """One container in each condition that matters."""
    names = ("plain", "off", "stopped", "moving", "held", "probed", "reconnecting")
    found = {name: register(name, status="stopped" if name == "stopped" else "running") for name in names}
    found["off"].configuration.enable_bulk_operations = False
    protocol_migrations.request(session, found["moving"], "acp", reason="r", actor=TESTER)
    for name, kind in (("held", "disconnect"), ("probed", "probe"), ("reconnecting", "reconnect")):
        connection_actions.request(session, found[name], kind, reason="r", actor=TESTER)
    hold = stored.hold_of(session, found["held"].id)
    assert hold is not None
    connection_actions.finish(session, hold, success=True, outcome="closed")
    return found


def ids(fleet: dict[str, Container]) -> list[uuid.UUID]:
    return [container.id for container in fleet.values()]


@pytest.mark.parametrize("kind", list(ActionKind))
def test_the_preview_says_what_single_requests_would(
    session: Session, fleet: dict[str, Container], kind: ActionKind
) -> None:
    previewed = fleet_actions.preview(session, kind, ids(fleet))
    said = {name: why for why, names in previewed.left_out.items() for name in names}
    for name, container in fleet.items():
        obstacle = connection_actions.obstacles(session, container)[kind]
        assert said.get(name) == (fleet_actions.TAKES_NO_PART if name == "off" else obstacle)
    assert {each.name for each in previewed.concerned} == fleet.keys() - said.keys()


@pytest.mark.parametrize("kind", list(ActionKind))
def test_what_is_asked_of_many_is_what_is_asked_of_each(
    session: Session, fleet: dict[str, Container], kind: ActionKind
) -> None:
    previewed = fleet_actions.preview(session, kind, ids(fleet))
    asked = fleet_actions.ask(session, kind, previewed, reason=" a wave ", actor=TESTER)
    session.expire_all()
    parts = {part.name: part.action for part in queries.parts(session, asked.id)}
    assert parts.keys() == {each.name for each in previewed.concerned}
    assert {(each.kind, each.reason, each.requested_by) for each in parts.values()} == {
        (kind, "a wave", "tester")
    }
    assert asked.asked == len(parts) == queries.progress(session, asked.id).under_way
    held = stored.hold_of(session, fleet["held"].id)
    assert (held is None) == (kind == ActionKind.RECONNECT)
    earlier = session.scalars(
        select(ConnectionAction).where(
            ConnectionAction.container_id == fleet["reconnecting"].id,
            ConnectionAction.fleet_action_id.is_(None),
        )
    ).one()
    superseded = kind == ActionKind.DISCONNECT
    assert (earlier.success, earlier.outcome) == (
        (False, fleet_actions.SUPERSEDED) if superseded else (None, None)
    )
    events = session.scalar(
        select(func.count()).where(
            AuditEvent.action == f"{kind} requested",
            AuditEvent.after["fleet_action"].astext == str(asked.id),
        )
    )
    assert events == len(parts)


def test_nothing_is_asked_where_the_set_has_changed(session: Session, fleet: dict[str, Container]) -> None:
    previewed = fleet_actions.preview(session, "probe", ids(fleet))
    connection_actions.request(session, fleet["plain"], "probe", reason="r", actor=TESTER)
    with pytest.raises(Conflict, match="has changed since it was shown"):
        fleet_actions.ask(session, "probe", previewed, reason="r", actor=TESTER)
    previewed = fleet_actions.preview(session, "probe", ids(fleet))
    containers.remove(session, fleet["held"], TESTER, "old")
    with pytest.raises(Conflict, match="has changed since it was shown"):
        fleet_actions.ask(session, "probe", previewed, reason="r", actor=TESTER)
    assert queries.latest(session) == []


def test_a_reason_and_a_known_action_are_needed(session: Session, fleet: dict[str, Container]) -> None:
    with pytest.raises(Invalid, match="say why"):
        fleet_actions.ask(
            session, "probe", fleet_actions.preview(session, "probe", ids(fleet)), reason=" ", actor=TESTER
        )
    with pytest.raises(Invalid, match="is not an action"):
        fleet_actions.preview(session, "restart", ids(fleet))
