"""Protocol migrations as they are asked for: start, switch now, cancel, take back.

These write intents; the gateway carries them out through `services.migration_phases`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, select

from app.errors import Conflict, Invalid
from app.models import ProtocolMigration, ProtocolMigrationStep
from app.protocol.states import Cause, MigrationPhase, Protocol
from app.protocol.strategies import Plan, Strategy
from app.queries import connection_actions
from app.services import audit, doorbell
from app.services.rules import enforced, one_at_a_time

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.services.actor import Actor

REASON: Final = "say why, for those who read the history"
FARTHEST: Final = dt.timedelta(days=366)
"""How far ahead a protocol migration may be scheduled."""


def request(
    session: Session,
    container: Container,
    to: str,
    *,
    reason: str,
    actor: Actor,
    cause: Cause = Cause.OPERATOR,
    plan: Plan = Plan(),  # noqa: B008 - frozen
) -> ProtocolMigration:
    """Write the intent to move a container to a protocol; the gateway acts on it.

    Raises:
        Invalid: `to` is not a protocol or not one the container supports, there is no reason, or the plan
            breaks a rule.
        Conflict: the container is on that protocol already, is held disconnected, or a protocol migration is
            under way.
    """
    if to not in list(Protocol):
        raise Invalid("to_protocol", f"{to!r} is not a protocol; choose from http, acp")
    if not container.supports(to):
        raise Invalid("to_protocol", f"the container does not support {to}")
    if not reason.strip():
        raise Invalid("reason", REASON)
    if container.session.protocol_type == to:
        raise Conflict(f"the container is on {to} already")
    intent = _Intent(reason.strip(), actor, cause, plan)
    return _intend(session, container, to, intent)


def roll_back(
    session: Session,
    migration: ProtocolMigration,
    *,
    reason: str,
    actor: Actor,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    cause: Cause = Cause.ROLLBACK,
) -> ProtocolMigration:
    """Write the intent to take a completed protocol migration back: a migration the other way that marks it.

    Raises:
        Invalid: there is no reason, or the plan breaks a rule.
        Conflict: it did not succeed, was taken back already, the container has moved on since, or is held
            disconnected.
    """
    if not reason.strip():
        raise Invalid("reason", REASON)
    if not migration.can_roll_back:
        raise Conflict("only a protocol migration that succeeded and was not taken back can be rolled back")
    container = migration.container
    if container.session.protocol_type != migration.to_protocol or _later_success(session, migration):
        raise Conflict("the container has changed its protocol since; start a new protocol migration instead")
    intent = _Intent(reason.strip(), actor, cause, plan)
    return _intend(session, container, migration.from_protocol, intent, rollback_of=migration.id)


def _later_success(session: Session, migration: ProtocolMigration) -> bool:
    later = select(ProtocolMigration.id).where(
        ProtocolMigration.container_id == migration.container_id,
        ProtocolMigration.id > migration.id,
        ProtocolMigration.success.is_(True),
    )
    return session.scalar(later.limit(1)) is not None


class _Intent(NamedTuple):
    reason: str
    actor: Actor
    cause: Cause
    plan: Plan


def _intend(
    session: Session, container: Container, to: str, intent: _Intent, *, rollback_of: uuid.UUID | None = None
) -> ProtocolMigration:
    plan = intent.plan
    plan.check()
    _check_waiting(session, container, plan)
    one_at_a_time(session, container)
    _check_not_held(session, container.id)
    migration = ProtocolMigration(
        container_id=container.id,
        from_protocol=container.session.protocol_type,
        to_protocol=to,
        phase=MigrationPhase.PENDING,
        reason=intent.reason,
        requested_by=intent.actor.name,
        cause=intent.cause,
        rollback_of_id=rollback_of,
        strategy=plan.strategy,
        drain_seconds=plan.drain_seconds,
        scheduled_at=plan.scheduled_at,
        scheduled_zone=plan.scheduled_zone,
        verification=plan.verification.as_dict(),
    )
    with enforced(session):
        session.add(migration)
        session.flush()
    _note(session, migration, intent.reason)
    after = {"protocol_type": to, "protocol_migration": str(migration.id), "cause": intent.cause}
    audit.record(
        session,
        intent.actor,
        "protocol migration requested",
        ("container", container.id),
        reason=intent.reason,
        before={"protocol_type": migration.from_protocol},
        after=after | {"plan": plan.as_dict()},
    )
    doorbell.ask(session, container.id)
    return migration


def _check_waiting(session: Session, container: Container, plan: Plan) -> None:
    """Only what works on its old protocol can wait there; and a time has to be one that comes, and soon."""
    waits = plan.strategy in (Strategy.SCHEDULED, Strategy.MANUAL)
    if waits and not container.supports(container.session.protocol_type):
        raise Invalid(
            "strategy", "the container has no old protocol to wait on; choose immediate or graceful"
        )
    if plan.scheduled_at is None:
        return
    now = _now(session)
    if not now < plan.scheduled_at <= now + FARTHEST:
        problem = "has passed" if plan.scheduled_at <= now else "is more than a year ahead"
        raise Invalid("scheduled_at", f"this time {problem}")


def _check_not_held(session: Session, container_id: uuid.UUID) -> None:
    if connection_actions.hold_of(session, container_id) is not None:
        raise Conflict("the container is held disconnected; reconnect it first")


def _note(session: Session, migration: ProtocolMigration, detail: str) -> None:
    session.add(ProtocolMigrationStep(migration_id=migration.id, phase=migration.phase, detail=detail))
    session.flush()


def switch_now(session: Session, migration: ProtocolMigration, *, reason: str, actor: Actor) -> None:
    """Have one that waits for its time, or for a person, go on at once.

    Raises:
        Invalid: there is no reason.
        Conflict: it does not wait, or its container is held disconnected.
    """
    asked = _asked(session, migration, reason)
    if not migration.can_switch:
        raise Conflict(
            "only a protocol migration that is prepared, or waits for its time, can be switched now"
        )
    _check_not_held(session, migration.container_id)
    migration.switch_asked_at, migration.switch_asked_by = asked, actor.name
    _ask(session, migration, actor, "switch", reason.strip())


def cancel(session: Session, migration: ProtocolMigration, *, reason: str, actor: Actor) -> None:
    """Have one that has switched nothing yet end as failed; its container stays on the old protocol.

    Raises:
        Invalid: there is no reason.
        Conflict: it has begun to switch or has ended, was cancelled already, or is a first dial.
    """
    asked = _asked(session, migration, reason)
    if not migration.can_cancel:
        raise Conflict(migration.why_not_cancel)
    migration.cancel_asked_at, migration.cancel_asked_by = asked, actor.name
    migration.cancel_reason = reason.strip()
    _ask(session, migration, actor, "cancel", reason.strip())


def _asked(session: Session, migration: ProtocolMigration, reason: str) -> dt.datetime:
    """Lock the row, which the gateway may be moving on, and return the moment."""
    if not reason.strip():
        raise Invalid("reason", REASON)
    session.refresh(migration, with_for_update=True)
    return _now(session)


def _now(session: Session) -> dt.datetime:
    moment: dt.datetime = session.scalars(select(func.clock_timestamp())).one()
    return moment


def _ask(session: Session, migration: ProtocolMigration, actor: Actor, verb: str, reason: str) -> None:
    session.flush()
    _note(session, migration, f"{verb} requested by {actor.name}: {reason}")
    audit.record(
        session,
        actor,
        f"protocol migration {verb} requested",
        ("container", migration.container_id),
        reason=reason,
        before={"phase": migration.phase},
        after={"protocol_migration": str(migration.id)},
    )
    doorbell.ask(session, migration.container_id)
