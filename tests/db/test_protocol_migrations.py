"""Protocol migrations through the service: the intent, its phases, its end, and taking one back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.models import new_id
from app.protocol.states import MigrationPhase, Protocol
from app.queries import protocol_migrations as stored
from app.queries.paging import Where
from app.queries.protocol_migrations import MigrationFilter
from app.services import connections, migration_phases, protocol_migrations
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container, ProtocolMigration

    Register = Callable[..., Container]

TO_THE_SWITCH = (MigrationPhase.PREFLIGHT, MigrationPhase.SWITCHING)


@pytest.fixture
def container(register: Register) -> Container:
    return register()


def request(session: Session, container: Container, to: str = "acp") -> ProtocolMigration:
    return protocol_migrations.request(session, container, to, reason=" as planned ", actor=TESTER)


def complete(session: Session, container: Container, migration: ProtocolMigration) -> ProtocolMigration:
    """Carry a migration out as the gateway does."""
    for phase in TO_THE_SWITCH:
        migration_phases.advance(session, migration, phase)
    connection = None
    if migration.to_protocol == Protocol.ACP:
        connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    migration_phases.switch(session, container, migration.to_protocol, connection)
    for phase in (MigrationPhase.VERIFYING, MigrationPhase.COMPLETED):
        migration_phases.advance(session, migration, phase)
    return migration


def roll_back(session: Session, migration: ProtocolMigration) -> ProtocolMigration:
    return protocol_migrations.roll_back(session, migration, reason="as it was", actor=TESTER)


def test_an_intent(session: Session, container: Container) -> None:
    migration = request(session, container)
    assert (migration.from_protocol, migration.to_protocol, migration.phase) == ("http", "acp", "pending")
    assert (migration.reason, migration.requested_by, migration.cause) == ("as planned", "tester", "operator")
    assert migration.open
    assert not migration.can_roll_back
    assert stored.open_of(session, container.id) == migration
    assert container.session.protocol_type == "http"


def test_one_that_succeeds(session: Session, container: Container) -> None:
    migration = complete(session, container, request(session, container))
    assert (migration.success, migration.rollback, migration.error_message) == (True, False, None)
    assert migration.completed_at is not None
    assert migration.completed_at > migration.started_at
    assert migration.can_roll_back
    assert [step.phase for step in migration.steps] == [
        *("pending", "preflight", "switching", "verifying", "completed")
    ]
    assert stored.open_of(session, container.id) is None
    assert container.session.protocol_type == "acp"
    assert container.session.acp_connection_id is not None


@pytest.mark.parametrize("after", [(), TO_THE_SWITCH[:1]], ids=["pending", "preflight"])
def test_one_that_fails_before_the_switch(
    session: Session, container: Container, after: tuple[MigrationPhase, ...]
) -> None:
    migration = request(session, container)
    for phase in (*after, MigrationPhase.FAILED):
        migration_phases.advance(session, migration, phase, "unreachable")
    assert (migration.success, migration.rollback, migration.error_message) == (False, False, "unreachable")
    assert not migration.can_roll_back


def test_one_that_fails_after_the_switch(session: Session, container: Container) -> None:
    """The reason is why it was rolled back, not how that went."""
    migration = request(session, container)
    for phase in TO_THE_SWITCH:
        migration_phases.advance(session, migration, phase)
    migration_phases.advance(session, migration, MigrationPhase.ROLLING_BACK, "no answer")
    migration_phases.advance(session, migration, MigrationPhase.ROLLED_BACK, "back on http")
    assert (migration.success, migration.rollback, migration.error_message) == (False, True, "no answer")


def test_it_ends_after_it_started_whatever_the_clock_does(session: Session, container: Container) -> None:
    migration = request(session, container)
    migration.started_at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    migration_phases.advance(session, migration, MigrationPhase.FAILED, "unreachable")
    assert migration.completed_at == migration.started_at + dt.timedelta(microseconds=1)


def test_attempts_are_counted(session: Session, container: Container) -> None:
    migration = request(session, container)
    migration_phases.advance(session, migration, MigrationPhase.PREFLIGHT)
    migration_phases.retry(session, migration, "refused")
    assert (migration.attempt_count, migration.phase) == (2, "preflight")
    assert (migration.steps[-1].phase, migration.steps[-1].detail) == ("preflight", "refused")


def test_one_taken_back_is_marked_when_the_way_back_is_complete(
    session: Session, container: Container
) -> None:
    migration = complete(session, container, request(session, container))
    back = roll_back(session, migration)
    assert (back.from_protocol, back.to_protocol, back.cause) == ("acp", "http", "rollback")
    assert back.rollback_of_id == migration.id
    assert not migration.rollback
    complete(session, container, back)
    assert migration.rollback
    assert migration.success
    assert not migration.can_roll_back
    assert not back.can_roll_back
    assert (container.session.protocol_type, container.session.acp_connection_id) == ("http", None)


def test_a_way_back_that_fails_may_be_tried_again(session: Session, container: Container) -> None:
    migration = complete(session, container, request(session, container))
    migration_phases.advance(session, roll_back(session, migration), MigrationPhase.FAILED, "refused")
    assert not migration.rollback
    assert migration.can_roll_back
    roll_back(session, migration)


def test_what_cannot_be_taken_back(session: Session, container: Container) -> None:
    first = complete(session, container, request(session, container))
    with pytest.raises(Invalid) as refused:
        protocol_migrations.roll_back(session, first, reason=" ", actor=TESTER)
    assert refused.value.field == "reason"
    second = complete(session, container, request(session, container, "http"))
    third = complete(session, container, request(session, container))
    for moved_on in (first, second):
        with pytest.raises(Conflict, match="the container has changed its protocol since"):
            roll_back(session, moved_on)
    back = roll_back(session, third)
    with pytest.raises(Conflict, match="under way already"):
        roll_back(session, third)
    complete(session, container, back)
    for ended in (third, back):
        with pytest.raises(Conflict, match="only a protocol migration that succeeded"):
            roll_back(session, ended)


def test_the_history(session: Session, container: Container, register: Register) -> None:
    other = register("web-2")
    first = complete(session, container, request(session, container))
    second = request(session, other)
    third = request(session, container, "http")
    assert stored.of_container(session, container.id) == [third, first]
    assert stored.of_container(session, container.id, limit=1) == [third]
    newest = Where("start", True)
    page = stored.page(session, MigrationFilter(), newest, limit=2)
    assert page.rows == [third, second]
    assert stored.page(session, MigrationFilter(), replace(newest, after=page.after)).rows == [first]
    assert stored.page(session, MigrationFilter(), Where("start", False)).rows == [first, second, third]
    assert stored.get(session, first.id) == first
    with pytest.raises(NotFound):
        stored.get(session, new_id())
