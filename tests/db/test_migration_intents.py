"""What is asked of a protocol migration that is under way or waits: to switch now, to cancel, and when."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app.errors import Conflict, IllegalMove, Invalid
from app.models import AuditEvent
from app.protocol.states import BEFORE_THE_SWITCH, ActionKind, Cause, MigrationPhase
from app.protocol.strategies import Plan, Strategy, Verification
from app.services import connection_actions, migration_phases, protocol_migrations
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container, ProtocolMigration

MANUAL = Plan(strategy=Strategy.MANUAL)
ON_THE_WAY = (
    MigrationPhase.PREFLIGHT,
    MigrationPhase.PREPARED,
    MigrationPhase.DRAINING,
    MigrationPhase.SWITCHING,
    MigrationPhase.VERIFYING,
    MigrationPhase.COMPLETED,
)


@pytest.fixture
def container(register: Callable[..., Container]) -> Container:
    return register()


def request(
    session: Session, container: Container, plan: Plan, cause: Cause = Cause.OPERATOR
) -> ProtocolMigration:
    return protocol_migrations.request(
        session, container, "acp", reason="planned", actor=TESTER, plan=plan, cause=cause
    )


def scheduled(session: Session, ahead: dt.timedelta) -> Plan:
    now = session.scalars(select(func.clock_timestamp())).one()
    return Plan(strategy=Strategy.SCHEDULED, scheduled_at=now + ahead, scheduled_zone="Europe/Berlin")


def advance(session: Session, migration: ProtocolMigration, until: MigrationPhase) -> None:
    for phase in ON_THE_WAY[: ON_THE_WAY.index(until) + 1]:
        migration_phases.advance(session, migration, phase)


def switch_now(session: Session, migration: ProtocolMigration, reason: str = "it is time") -> None:
    protocol_migrations.switch_now(session, migration, reason=reason, actor=TESTER)


def cancel(session: Session, migration: ProtocolMigration, reason: str = "not today") -> None:
    protocol_migrations.cancel(session, migration, reason=reason, actor=TESTER)


def last_event(session: Session) -> AuditEvent:
    return session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()


def test_a_plan_is_kept_as_it_was_asked_for(session: Session, container: Container) -> None:
    plan = Plan(
        strategy=Strategy.SCHEDULED,
        drain_seconds=30,
        scheduled_at=scheduled(session, dt.timedelta(hours=1)).scheduled_at,
        scheduled_zone="Asia/Kolkata",
        verification=Verification(seconds=60, max_error_rate=0.1),
    )
    migration = request(session, container, plan)
    session.expire(migration)
    assert migration.plan == plan
    event = last_event(session)
    assert event.after is not None
    assert event.after["plan"] == plan.as_dict()


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (dt.timedelta(seconds=-1), "this time has passed"),
        (dt.timedelta(days=367), "more than a year ahead"),
    ],
)
def test_a_time_has_to_come_and_soon(
    session: Session, container: Container, ahead: dt.timedelta, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        request(session, container, scheduled(session, ahead))
    assert refused.value.field == "scheduled_at"


def test_a_plan_that_breaks_a_rule(session: Session, container: Container) -> None:
    with pytest.raises(Invalid) as refused:
        request(session, container, Plan(drain_seconds=-1))
    assert refused.value.field == "drain_seconds"


def test_only_what_works_on_its_old_protocol_can_wait(
    session: Session, register: Callable[..., Container]
) -> None:
    modern = register("modern", supported_protocols=("acp",), preferred_protocol="acp")
    for plan in (MANUAL, scheduled(session, dt.timedelta(hours=1))):
        with pytest.raises(Invalid, match="no old protocol to wait on"):
            request(session, modern, plan)
    request(session, modern, Plan.immediate())


def test_one_that_waits_stands_in_nobodys_way(session: Session, container: Container) -> None:
    migration = request(session, container, scheduled(session, dt.timedelta(hours=1)))
    assert migration.waiting
    assert set(connection_actions.obstacles(session, container).values()) == {None}
    switch_now(session, migration)
    assert not migration.waiting
    assert set(connection_actions.obstacles(session, container).values()) == {connection_actions.MIGRATING}


@pytest.mark.parametrize("phase", ON_THE_WAY)
def test_who_can_be_switched_and_who_cancelled(
    session: Session, container: Container, phase: MigrationPhase
) -> None:
    migration = request(session, container, MANUAL)
    advance(session, migration, phase)
    assert migration.can_switch is (phase is MigrationPhase.PREPARED)
    assert migration.can_cancel is (phase in BEFORE_THE_SWITCH)
    if not migration.can_switch:
        with pytest.raises(Conflict, match="can be switched now"):
            switch_now(session, migration)
    if not migration.can_cancel:
        with pytest.raises(Conflict, match=r"has begun to switch|has ended already"):
            cancel(session, migration)


def test_a_switch_is_asked_for_once_with_a_reason(session: Session, container: Container) -> None:
    migration = request(session, container, MANUAL)
    advance(session, migration, MigrationPhase.PREPARED)
    with pytest.raises(Invalid) as refused:
        switch_now(session, migration, " ")
    assert refused.value.field == "reason"
    switch_now(session, migration)
    assert (migration.switch_asked_by, migration.can_switch) == ("tester", False)
    assert migration.steps[-1].detail == "switch requested by tester: it is time"
    assert last_event(session).action == "protocol migration switch requested"
    with pytest.raises(Conflict):
        switch_now(session, migration)


def test_one_whose_container_is_held_is_not_switched(session: Session, container: Container) -> None:
    migration = request(session, container, MANUAL)
    advance(session, migration, MigrationPhase.PREPARED)
    connection_actions.request(session, container, ActionKind.DISCONNECT, reason="r", actor=TESTER)
    with pytest.raises(Conflict, match="held disconnected"):
        switch_now(session, migration)


@pytest.mark.parametrize("phase", sorted(BEFORE_THE_SWITCH - {MigrationPhase.PENDING}))
def test_a_cancel_is_carried_out_with_the_next_step(
    session: Session, container: Container, phase: MigrationPhase
) -> None:
    migration = request(session, container, MANUAL)
    advance(session, migration, phase)
    cancel(session, migration)
    assert (migration.open, migration.can_cancel, migration.can_switch) == (True, False, False)
    with pytest.raises(Conflict, match="is being cancelled"):
        cancel(session, migration)
    reached = migration_phases.proceed(session, migration, MigrationPhase.SWITCHING, "no request is open")
    assert reached is MigrationPhase.FAILED
    assert (migration.success, migration.rollback) == (False, False)
    assert migration.error_message == "cancelled by tester: not today"
    assert container.session.protocol_type == "http"
    with pytest.raises(IllegalMove):
        migration_phases.proceed(session, migration, MigrationPhase.SWITCHING, "again")


def test_a_first_dial_is_not_cancelled(session: Session, container: Container) -> None:
    migration = request(session, container, Plan(), Cause.FIRST_DIAL)
    with pytest.raises(Conflict, match="disconnect the container instead"):
        cancel(session, migration)
