"""Each container's part in a rollout: begun and taken back in batches, and what came of it taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select, text, update

from app.models import ProtocolMigration, RolloutContainer
from app.protocol.rollout_states import PartState, RolloutState, settled
from app.protocol.states import Cause
from app.queries import rollout_selection
from app.services import migration_batches
from app.services.migration_batches import Asked

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Rollout
    from app.services.actor import Actor

GONE: Final = "the container was removed"
MOVED_ON: Final = "it has changed its protocol since; nothing is taken back"

# What protocol migrations have come to, and containers that were removed meanwhile with theirs.
_ENDED: Final = text("""
    UPDATE rollout_container p SET
        state = CASE WHEN p.state = 'rolling_back' THEN
                    CASE WHEN m.success THEN :back ELSE :not_back END
                ELSE CASE WHEN m.success THEN :done WHEN m.cancel_asked_at IS NOT NULL THEN :cancelled
                     ELSE :failed END END,
        detail = CASE WHEN m.success THEN NULL
                 WHEN p.state = 'running' THEN coalesce(m.error_message, '')
                 ELSE 'could not be taken back: ' || coalesce(m.error_message, '') END,
        ended_at = m.completed_at
    FROM protocol_migration m
    WHERE p.rollout_id = :rollout AND m.completed_at IS NOT NULL AND p.state IN ('running', 'rolling_back')
      AND m.id = CASE p.state WHEN 'running' THEN p.migration_id ELSE p.back_migration_id END
""")
_REMOVED: Final = text("""
    UPDATE rollout_container p SET
        state = CASE p.state WHEN 'running' THEN 'failed' WHEN 'waiting' THEN 'left_out' ELSE 'completed' END,
        wave = CASE p.state WHEN 'waiting' THEN NULL ELSE wave END,
        detail = :gone, ended_at = clock_timestamp()
    WHERE p.rollout_id = :rollout AND p.container_id IS NULL
      AND p.state IN ('waiting', 'running', 'returning', 'rolling_back')
""")

_FALLEN: Final = text("""
    UPDATE rollout_container p SET state = 'failed', detail = :fallen, ended_at = clock_timestamp()
    FROM container_session s
    WHERE p.rollout_id = :rollout AND p.state = 'completed' AND s.container_id = p.container_id
      AND s.protocol_type <> :to_protocol
""")


def take_over(session: Session, rollout: Rollout) -> bool:
    """Take over what protocol migrations have come to; return whether any has ended.

    While the rollout goes on, a container that was moved and has left the new protocol since counts as
    failed.
    """
    state = RolloutState(rollout.state)
    values = {
        "rollout": rollout.id,
        "done": settled(PartState.RUNNING, state, success=True),
        "failed": settled(PartState.RUNNING, state, success=False),
        "cancelled": settled(PartState.RUNNING, state, success=False, cancelled=True),
        "back": settled(PartState.ROLLING_BACK, state, success=True),
        "not_back": settled(PartState.ROLLING_BACK, state, success=False),
    }
    ended = session.execute(_ENDED, values).rowcount  # type: ignore[attr-defined]
    removed = session.execute(_REMOVED, {"rollout": rollout.id, "gone": GONE}).rowcount  # type: ignore[attr-defined]
    fallen = 0
    if state in {RolloutState.RUNNING, RolloutState.PAUSED}:
        told = {"rollout": rollout.id, "to_protocol": rollout.to_protocol}
        told["fallen"] = f"it has left {rollout.to_protocol} after it was moved"
        fallen = session.execute(_FALLEN, told).rowcount  # type: ignore[attr-defined]
    return bool(ended or removed or fallen)


def begin(session: Session, rollout: Rollout, wave: int, count: int, actor: Actor) -> None:
    """Begin to move waiting containers of a wave; those that cannot be moved now are left out, with why."""
    chosen = _next(session, rollout, PartState.WAITING, count, wave)
    ids = [each.container_id for each in chosen if each.container_id is not None]
    migration_batches.lock(session, ids)
    now = rollout_selection.of_ids(session, ids, rollout.to_protocol, rollout_id=rollout.id)
    asked = [
        Asked(each.id, each.protocol_type, rollout.to_protocol)
        for each in now.values()
        if each.obstacle is None
    ]
    begun = migration_batches.request(
        session,
        asked,
        reason=_reason(rollout),
        actor=actor,
        cause=Cause.ROLLOUT,
        plan=rollout.planned.migration,
    )
    left_out = {
        each.id: (now[each.container_id].obstacle if each.container_id in now else GONE)
        or rollout_selection.COMPETING
        for each in chosen
        if each.container_id not in begun
    }
    _leave_out(session, left_out)
    _write(
        session,
        [
            {"part": each.id, "migration": begun[each.container_id]}
            for each in chosen
            if each.container_id in begun
        ],
        {
            "state": PartState.RUNNING,
            "migration_id": bindparam("migration"),
            "attempts": RolloutContainer.attempts + 1,
            "began_at": func.clock_timestamp(),
            "ended_at": None,
        },
    )


def give_back(session: Session, rollout: Rollout, count: int, actor: Actor) -> None:
    """Begin to take containers back that wait for it.

    One that is not on the new protocol any more has nothing to be taken back; one that is held or has a
    competing migration stays where it is, and says so.
    """
    chosen = _next(session, rollout, PartState.RETURNING, count)
    ids = [each.container_id for each in chosen if each.container_id is not None]
    migration_batches.lock(session, ids)
    former = _from_protocols(session, chosen)
    now = rollout_selection.of_ids(session, ids, "", rollout_id=rollout.id)
    asked, stay, gone_on = [], {}, {}
    for each in chosen:
        known = now.get(each.container_id) if each.container_id is not None else None
        if known is None:
            stay[each.id] = GONE
        elif known.protocol_type != rollout.to_protocol or each.migration_id not in former:
            gone_on[each.id] = MOVED_ON
        elif known.blocked:
            stay[each.id] = f"could not be taken back: {known.blocked}"
        else:
            asked.append(Asked(known.id, known.protocol_type, former[each.migration_id], each.migration_id))
    begun = migration_batches.request(
        session,
        asked,
        reason=_reason(rollout),
        actor=actor,
        cause=Cause.ROLLBACK,
        plan=rollout.planned.migration,
    )
    for each in chosen:
        if each.id not in stay and each.id not in gone_on and each.container_id not in begun:
            stay[each.id] = f"could not be taken back: {rollout_selection.COMPETING}"
    _say(session, stay, PartState.COMPLETED)
    _say(session, gone_on, PartState.ROLLED_BACK)
    _write(
        session,
        [
            {"part": each.id, "migration": begun[each.container_id]}
            for each in chosen
            if each.container_id in begun
        ],
        {"state": PartState.ROLLING_BACK, "back_migration_id": bindparam("migration"), "ended_at": None},
    )


def cancel(session: Session, rollout: Rollout, reason: str, actor: Actor) -> int:
    """Cancel the protocol migrations that have switched nothing yet; return how many."""
    part = RolloutContainer
    running = select(part.migration_id).where(part.rollout_id == rollout.id, part.state == PartState.RUNNING)
    ids = [each for each in session.scalars(running) if each is not None]
    return migration_batches.cancel(session, ids, reason=reason, actor=actor)


def next_position(session: Session, rollout: Rollout) -> int:
    """Return the position behind the last one."""
    last = session.scalar(
        select(func.max(RolloutContainer.position)).where(RolloutContainer.rollout_id == rollout.id)
    )
    return 0 if last is None else last + 1


def _reason(rollout: Rollout) -> str:
    return f"rollout {rollout.name}: {rollout.state_reason or rollout.reason}"


def _next(
    session: Session, rollout: Rollout, state: PartState, count: int, wave: int | None = None
) -> Sequence[Any]:
    part = RolloutContainer
    statement = select(part.id, part.container_id, part.migration_id).where(
        part.rollout_id == rollout.id, part.state == state
    )
    if wave is not None:
        statement = statement.where(part.wave == wave)
    return session.execute(statement.order_by(part.position).limit(count)).all()


def _from_protocols(session: Session, chosen: Sequence[Any]) -> Mapping[uuid.UUID, str]:
    """Return which protocol each container was on before its part."""
    migrations = [each.migration_id for each in chosen if each.migration_id is not None]
    found = select(ProtocolMigration.id, ProtocolMigration.from_protocol).where(
        ProtocolMigration.id == func.any(migrations)
    )
    return {row.id: row.from_protocol for row in session.execute(found)}


def _leave_out(session: Session, reasons: Mapping[uuid.UUID, str]) -> None:
    rows = [{"part": part, "why": why} for part, why in reasons.items()]
    _write(session, rows, {"state": PartState.LEFT_OUT, "wave": None, "detail": bindparam("why")})


def _say(session: Session, reasons: Mapping[uuid.UUID, str], state: PartState) -> None:
    rows = [{"part": part, "why": why} for part, why in reasons.items()]
    _write(session, rows, {"state": state, "detail": bindparam("why"), "ended_at": func.clock_timestamp()})


def _write(session: Session, rows: Iterable[Mapping[str, object]], values: Mapping[str, object]) -> None:
    """Write the same of many parts, each with its own parameters."""
    if listed := list(rows):
        statement = update(RolloutContainer.__table__).where(RolloutContainer.id == bindparam("part"))  # type: ignore[arg-type]
        session.connection().execute(statement.values(values), listed)
