"""Reconnect, disconnect and probe through the service: who may ask when, and what a hold is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.errors import Conflict, Invalid, NotFound
from app.models import AuditEvent, new_id
from app.protocol.states import ActionKind, Cause, MigrationPhase
from app.queries import connection_actions as stored
from app.queries import containers as stored_containers
from app.services import connection_actions, containers, migration_phases, protocol_migrations
from app.services.containers import ContainerValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session, sessionmaker

    from app.models import ConnectionAction, Container, ProtocolMigration

    Register = Callable[..., Container]


@pytest.fixture
def container(register: Register) -> Container:
    return register()


def ask(session: Session, container: Container, kind: str = "reconnect") -> ConnectionAction:
    return connection_actions.request(session, container, kind, reason=" it hangs ", actor=TESTER)


def finish(session: Session, action: ConnectionAction, *, success: bool = True) -> None:
    connection_actions.finish(session, action, success=success, outcome="as it went")


def migrate(session: Session, container: Container, cause: Cause) -> ProtocolMigration:
    return protocol_migrations.request(session, container, "acp", reason="r", actor=TESTER, cause=cause)


def change(session: Session, container: Container, **values: object) -> None:
    shown = {"name": container.name, "endpoint_url": container.endpoint_url, "supported_protocols": BOTH}
    containers.update(session, container, ContainerValues(**(shown | values)), TESTER)


@pytest.mark.parametrize("kind", list(ActionKind))
def test_an_intent(session: Session, container: Container, kind: str) -> None:
    action = ask(session, container, kind)
    assert (action.kind, action.reason, action.requested_by, action.success) == (
        *(kind, "it hangs", "tester", None),
    )
    assert action.open
    assert list(stored.pending(session, container.id)) == [action]
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.actor, event.action, event.reason, event.subject_id) == (
        *("tester", f"{kind} requested", "it hangs", container.id),
    )


@pytest.mark.parametrize(("kind", "reason", "field"), [("restart", "r", "kind"), ("probe", " ", "reason")])
def test_what_is_no_intent(
    session: Session, container: Container, kind: str, reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        connection_actions.request(session, container, kind, reason=reason, actor=TESTER)
    assert refused.value.field == field


def test_it_is_taken_and_finished_once(session: Session, container: Container) -> None:
    action, gateway = ask(session, container, "probe"), new_id()
    connection_actions.take(session, action, gateway, 3)
    assert (action.gateway_id, action.epoch) == (gateway, 3)
    measured = {"agent_ms": 0.5}
    connection_actions.finish(session, action, success=True, outcome="well", measured=measured)
    finish(session, action, success=False)
    assert (action.success, action.outcome, action.measured) == (True, "well", measured)
    assert not action.open
    assert list(stored.pending(session, container.id)) == []
    assert list(stored.of_container(session, container.id)) == [action]


@pytest.mark.parametrize("kind", list(ActionKind))
def test_one_of_a_kind_at_a_time(session: Session, container: Container, kind: str) -> None:
    ask(session, container, kind)
    with pytest.raises(Conflict, match="already"):
        ask(session, container, kind)


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_stopped_container_is_left_alone(session: Session, container: Container, kind: str) -> None:
    change(session, container, status="stopped")
    with pytest.raises(Conflict, match="stopped; start it first"):
        ask(session, container, kind)


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_protocol_migration_is_not_disturbed_but_a_first_dial_is(
    session: Session, register: Register, kind: str
) -> None:
    migrating, new = register("migrating"), register("new")
    migrate(session, migrating, Cause.OPERATOR)
    with pytest.raises(Conflict, match="protocol migration of this container is under way"):
        ask(session, migrating, kind)
    first_dial = migrate(session, new, Cause.FIRST_DIAL)
    finish(session, ask(session, new, kind))
    connection_actions.release(session, new)
    for phase in (MigrationPhase.PREFLIGHT, MigrationPhase.SWITCHING):
        migration_phases.advance(session, first_dial, phase)
    with pytest.raises(Conflict, match="protocol migration of this container is under way"):
        ask(session, new, kind)


def test_a_disconnect_holds_until_a_reconnect(session: Session, container: Container) -> None:
    action = ask(session, container, "disconnect")
    finish(session, action)
    assert stored.hold_of(session, container.id) == action
    assert list(stored.pending(session, container.id)) == [action]
    with pytest.raises(Conflict, match="held disconnected already"):
        ask(session, container, "disconnect")
    with pytest.raises(Conflict, match="held disconnected; reconnect it first"):
        migrate(session, container, Cause.OPERATOR)
    ask(session, container, "probe")
    back = ask(session, container, "reconnect")
    assert stored.hold_of(session, container.id) is None
    assert back in stored.pending(session, container.id)
    assert not action.holds


@pytest.mark.parametrize("change_to", [{"owner": "ann"}, {"status": "stopped"}])
def test_a_hold_ends_when_the_container_is_changed(
    session: Session, container: Container, change_to: dict[str, str]
) -> None:
    finish(session, ask(session, container, "disconnect"))
    change(session, container)
    assert stored.hold_of(session, container.id) is not None  # nothing was changed
    change(session, container, **change_to)
    assert stored.hold_of(session, container.id) is None


def test_a_disconnect_that_failed_holds_nothing(session: Session, container: Container) -> None:
    finish(session, ask(session, container, "disconnect"), success=False)
    assert stored.hold_of(session, container.id) is None


def test_a_disconnect_takes_the_place_of_a_reconnect(session: Session, container: Container) -> None:
    reconnect = ask(session, container, "reconnect")
    disconnect = ask(session, container, "disconnect")
    assert (reconnect.success, reconnect.outcome) == (False, "a disconnect was requested meanwhile")
    assert list(stored.pending(session, container.id)) == [disconnect]


def test_two_who_ask_at_once_are_judged_in_turn(sessions: sessionmaker[Session]) -> None:
    """A disconnect and a protocol migration: whichever comes second is refused."""
    with sessions() as session:
        values = ContainerValues(name="web-1", endpoint_url="http://127.0.0.1:9", supported_protocols=BOTH)
        containers.register(session, values, TESTER)
        session.commit()
    said: list[str] = []

    def migrate_too() -> None:
        with sessions() as session:
            try:
                migrate(session, stored_containers.get(session, "web-1"), Cause.OPERATOR)
            except Conflict as error:
                said.append(str(error))

    with sessions() as session:
        ask(session, stored_containers.get(session, "web-1"), "disconnect")
        other = threading.Thread(target=migrate_too)
        other.start()
        session.commit()
        other.join()
    assert said == ["the container is held disconnected; reconnect it first"]


def test_one_that_is_not_there(session: Session) -> None:
    with pytest.raises(NotFound):
        stored.get(session, new_id())
