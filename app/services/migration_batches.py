"""Protocol migrations asked of many containers at once, in a few statements however many there are.

What `protocol_migrations.request` and `roll_back` check of one, the caller has checked of each, under the
lock of `lock`; what the database alone can tell (another one is under way) is told by leaving that container
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.models import AuditEvent, Container, ProtocolMigration, ProtocolMigrationStep, new_id
from app.protocol.states import MigrationPhase
from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.states import Cause
    from app.protocol.strategies import Plan
    from app.services.actor import Actor


class Asked(NamedTuple):
    """A container, the protocol it is on, the one it is to be on, and the migration that this takes back."""

    container_id: uuid.UUID
    from_protocol: str
    to_protocol: str
    rollback_of_id: uuid.UUID | None = None


def lock(session: Session, container_ids: Sequence[uuid.UUID]) -> None:
    """Hold the containers' rows in one order, so that what is asked of each is judged in turn."""
    rows = select(Container.id).where(Container.id == func.any(list(container_ids))).order_by(Container.id)
    session.execute(rows.with_for_update(key_share=True)).all()


def request(
    session: Session, asked: Sequence[Asked], *, reason: str, actor: Actor, cause: Cause, plan: Plan
) -> Mapping[uuid.UUID, uuid.UUID]:
    """Write the intents; return the migrations by container, without those that have one under way."""
    if not asked:
        return {}
    how = {
        "phase": MigrationPhase.PENDING,
        "reason": reason,
        "requested_by": actor.name,
        "cause": cause,
        "strategy": plan.strategy,
        "drain_seconds": plan.drain_seconds,
        "verification": plan.verification.as_dict(),
    }
    rows = [{"id": new_id(), **each._asdict(), **how} for each in asked]
    # The condition as text, for the index is found only by the very words that it was made with.
    none_open: dict[str, Any] = {
        "index_elements": ["container_id"],
        "index_where": text("completed_at IS NULL"),
    }
    statement = upsert(ProtocolMigration).on_conflict_do_nothing(**none_open).returning(ProtocolMigration.id)
    written = set(session.scalars(statement, rows))
    done = [each for each in rows if each["id"] in written]
    if done:
        steps = [
            {"id": new_id(), "migration_id": each["id"], "phase": MigrationPhase.PENDING, "detail": reason}
            for each in done
        ]
        session.execute(insert(ProtocolMigrationStep), steps)
        session.execute(insert(AuditEvent), [_event(each, actor, plan) for each in done])
        doorbell.ask_all(session, [each["container_id"] for each in done])
    return {each["container_id"]: each["id"] for each in done}


def cancel(session: Session, migration_ids: Sequence[uuid.UUID], *, reason: str, actor: Actor) -> int:
    """Have those end as failed that have switched nothing yet; leave the others alone. Return how many.

    A gateway that moves one of them on at this moment is waited for, so that each is judged as it is then.
    """
    row = ProtocolMigration
    asked = update(row).where(row.id == func.any(list(migration_ids)), row.cancellable())
    now = func.clock_timestamp()
    cancelled = session.execute(
        asked.values(cancel_asked_at=now, cancel_asked_by=actor.name, cancel_reason=reason)
        .returning(row.id, row.container_id, row.phase)
        .execution_options(synchronize_session=False)
    ).all()
    if cancelled:
        said = f"cancel requested by {actor.name}: {reason}"
        steps = [
            {"id": new_id(), "migration_id": each.id, "phase": each.phase, "detail": said}
            for each in cancelled
        ]
        session.execute(insert(ProtocolMigrationStep), steps)
        session.execute(insert(AuditEvent), [_cancelled(each, reason, actor) for each in cancelled])
        doorbell.ask_all(session, [each.container_id for each in cancelled])
    return len(cancelled)


def _cancelled(row: Any, reason: str, actor: Actor) -> dict[str, object]:
    return {
        "id": new_id(),
        "actor": actor.name,
        "origin": actor.origin,
        "action": "protocol migration cancel requested",
        "subject_type": "container",
        "subject_id": row.container_id,
        "reason": reason,
        "before": {"phase": row.phase},
        "after": {"protocol_migration": str(row.id)},
    }


def _event(row: Mapping[str, object], actor: Actor, plan: Plan) -> dict[str, object]:
    after = {"protocol_type": row["to_protocol"], "protocol_migration": str(row["id"]), "cause": row["cause"]}
    return {
        "id": new_id(),
        "actor": actor.name,
        "origin": actor.origin,
        "action": "protocol migration requested",
        "subject_type": "container",
        "subject_id": row["container_id"],
        "reason": row["reason"],
        "before": {"protocol_type": row["from_protocol"]},
        "after": after | {"plan": plan.as_dict()},
    }
