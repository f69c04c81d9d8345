"""What people do with a rollout: start, pause, resume, promote, abort, retry, roll back.

Each is possible where `protocol.rollout_states.CONTROLS` says so, needs a reason, and is kept in the audit
trail with what was before. The controller in the gateway does the work that follows
(`services.rollout_steps`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, update

from app.errors import Conflict, Outdated
from app.models import RolloutContainer
from app.protocol.rollout_states import (
    Control,
    PartState,
    RolloutState,
    WaveState,
    check_control,
    obstacle,
    retried,
)
from app.queries import rollout_standing
from app.queries import rollouts as stored
from app.services import rollout_drafts, rollout_log, rollout_parts, rollout_plans
from app.services.rollout_log import check_count, check_reason

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy.orm import Session

    from app.models import Rollout
    from app.queries.rollout_standing import Standing
    from app.services.actor import Actor


def obstacles(session: Session, rollout: Rollout) -> Mapping[Control, str | None]:
    """Say for each control why it cannot be used now, None if it can: buttons and services go by it."""
    return obstacles_at(rollout_standing.read(session, rollout.id))


def obstacles_at(at: Standing) -> Mapping[Control, str | None]:
    """Say it of what has been read already."""
    asked = _asked_of(at)
    return {control: obstacle(control, *asked) for control in Control}


def _asked_of(at: Standing) -> tuple[RolloutState, WaveState | None, stored.Counts]:
    """Return what it depends on whether a control can be used."""
    wave = WaveState(at.present.state) if at.present is not None else None
    return RolloutState(at.rollout.state), wave, at.total


def _take(session: Session, rollout: Rollout, control: Control) -> RolloutState:
    """Hold a rollout until the transaction ends, and return the state that a control leads to.

    Raises:
        Conflict: it cannot be used now.
    """
    session.refresh(rollout, with_for_update=True)
    return check_control(control, *_asked_of(rollout_standing.read(session, rollout.id)))


def concerned(counted: stored.Counts, control: Control, rollout: Rollout) -> int:
    """Return the number that is typed to confirm a control.

    Of a retry those that are retried; else all that take part, a number that stands still while containers
    move, so that nobody in a hurry has to type it twice.
    """
    if control is Control.RETRY:
        return sum(counted[each] for each in retried(RolloutState(rollout.state)))
    return counted.total() - counted[PartState.LEFT_OUT]


def start(
    session: Session,
    rollout: Rollout,
    *,
    count: int,
    reason: str,
    actor: Actor,
    accept_changes: bool = False,
) -> None:
    """Start a draft, if the set is still the one that was previewed, or the change of it is accepted.

    Raises:
        Invalid: there is no reason, a canary takes no part any more, or nobody takes part.
        Outdated: other containers take part by now, which are named; nothing is started.
        Conflict: it is no draft any more, or another number takes part.
    """
    why = check_reason(reason)
    target = _take(session, rollout, Control.START)
    shown = rollout_plans.preview(session, rollout.planned, rollout_id=rollout.id)
    changed = rollout_drafts.changes(session, rollout, shown)
    if changed and not accept_changes:
        raise Outdated(f"since it was previewed: {changed}. Accept that, or make another plan")
    rollout_plans.check_confirmed(shown, count)
    before = {"state": rollout.state, "digest": rollout.digest}
    if changed:
        rollout_drafts.write_parts(session, rollout, shown)
    rollout.started_at = stored.now(session)
    rollout_log.enter(session, rollout, target, why, actor)
    told = {"state": rollout.state, "digest": rollout.digest, "count": shown.total}
    accepted = {"accepted": str(changed)} if changed else {}
    rollout_log.control(session, rollout, actor, "started", reason=why, before=before, after=told | accepted)


def pause(session: Session, rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Begin no more containers; those that are running end, and limits act as ever.

    Raises:
        Invalid: there is no reason.
        Conflict: it is not running.
    """
    _move(session, rollout, Control.PAUSE, "paused", reason=reason, actor=actor)


def resume(session: Session, rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Go on where it was paused.

    Raises:
        Invalid: there is no reason.
        Conflict: it is not paused, or its present wave has failed.
    """
    _move(session, rollout, Control.RESUME, "resumed", reason=reason, actor=actor)


def promote(session: Session, rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Let the present wave pass: one that bakes at once, one that has failed in spite of that; and go on.

    Raises:
        Invalid: there is no reason.
        Conflict: there is no such wave.
    """
    why = check_reason(reason)
    target = _take(session, rollout, Control.PROMOTE)
    wave = stored.present(stored.waves(session, rollout.id))
    if wave is None:
        raise Conflict("every wave has passed")
    before = {"state": rollout.state, "wave": wave.number, "wave_state": wave.state}
    now = stored.now(session)
    wave.state, wave.ended_at = WaveState.PASSED, now
    rollout_log.enter(session, rollout, target, why, actor)
    after = {"state": rollout.state, "wave": wave.number, "wave_state": wave.state}
    rollout_log.control(session, rollout, actor, "promoted", reason=why, before=before, after=after)


def abort(session: Session, rollout: Rollout, *, count: int, reason: str, actor: Actor) -> None:
    """Begin no more containers for good; see `consequences`. `count` is how many take part (`concerned`).

    Raises:
        Invalid: there is no reason.
        Conflict: it has ended, or another number takes part.
    """
    why = check_reason(reason)
    target = _take(session, rollout, Control.ABORT)
    counted = stored.total(stored.counts(session, rollout.id))
    check_count(concerned(counted, Control.ABORT, rollout), count)
    before = _told(rollout, counted)
    skipped = _set(session, rollout, {PartState.WAITING}, PartState.SKIPPED)
    rollout_log.enter(session, rollout, target, why, actor)
    after = {"state": rollout.state, "skipped": skipped}
    rollout_log.control(session, rollout, actor, "aborted", reason=why, before=before, after=after)


def retry(session: Session, rollout: Rollout, *, count: int, reason: str, actor: Actor) -> None:
    """Move those again that failed, and no others; after a roll back, those that were taken back, too.

    Their waves are gone through again. `count` is how many are retried (`concerned`).

    Raises:
        Invalid: there is no reason.
        Conflict: it cannot be retried now, nothing has failed, or another number has.
    """
    why = check_reason(reason)
    target = _take(session, rollout, Control.RETRY)
    counted = stored.total(stored.counts(session, rollout.id))
    which = retried(RolloutState(rollout.state))
    check_count(concerned(counted, Control.RETRY, rollout), count)
    before = _told(rollout, counted)
    values = {"detail": None, "back_migration_id": None, "began_at": None, "ended_at": None}
    _set(session, rollout, which, PartState.WAITING, **values)
    _reopen(session, rollout)
    rollout_log.enter(session, rollout, target, why, actor)
    after = {"state": rollout.state, "retried": count}
    rollout_log.control(session, rollout, actor, "retried", reason=why, before=before, after=after)


def _reopen(session: Session, rollout: Rollout) -> None:
    """Have waves be gone through again that have failed, or in which somebody waits."""
    waiting = {
        wave for wave, counted in stored.counts(session, rollout.id).items() if counted[PartState.WAITING]
    }
    for wave in stored.waves(session, rollout.id):
        if wave.state == WaveState.FAILED or (wave.state == WaveState.PASSED and wave.number in waiting):
            wave.state, wave.why, wave.baking_at, wave.ended_at = WaveState.WAITING, None, None, None
        elif wave.state == WaveState.BAKING and wave.number in waiting:
            wave.state, wave.baking_at = WaveState.RUNNING, None
    session.flush()


def roll_back(
    session: Session,
    rollout: Rollout,
    *,
    count: int,
    reason: str,
    actor: Actor,
    only: Sequence[uuid.UUID] | None = None,
) -> None:
    """Take containers back that were moved: all of them, or some, by the ids of their parts.

    `count` is how many take part (`concerned`), or how many of those named are completed. Of all: of the
    containers still running those that have not switched are cancelled, the others are taken back
    when they have ended, and the rollout ends as rolled back. Of some: it stays in its state.

    Raises:
        Invalid: there is no reason.
        Conflict: it cannot be rolled back now, or another number is concerned.
    """
    why = check_reason(reason)
    control = Control.ROLL_BACK if only is None else Control.ROLL_BACK_SOME
    target = _take(session, rollout, control)
    counted = stored.total(stored.counts(session, rollout.id))
    before = _told(rollout, counted)
    taken = take_back_all(session, rollout, only)
    check_count(taken if only is not None else concerned(counted, control, rollout), count)
    rollout_log.enter(session, rollout, target, why if only is None else rollout.state_reason, actor)
    after = {"state": rollout.state, "taken_back": taken}
    if only is None:
        after["cancelled"] = rollout_parts.cancel(session, rollout, why, actor)
    what = "rolled back" if only is None else f"rolled back of {taken} containers"
    rollout_log.control(session, rollout, actor, what, reason=why, before=before, after=after)


def take_back_all(session: Session, rollout: Rollout, only: Sequence[uuid.UUID] | None = None) -> int:
    """Have completed containers wait until they are taken back; return how many."""
    return _set(session, rollout, {PartState.COMPLETED}, PartState.RETURNING, only=only, detail=None)


def _move(
    session: Session, rollout: Rollout, control: Control, what: str, *, reason: str, actor: Actor
) -> None:
    why = check_reason(reason)
    target = _take(session, rollout, control)
    before = {"state": rollout.state, "state_reason": rollout.state_reason}
    rollout_log.enter(session, rollout, target, why, actor)
    after = {"state": rollout.state, "state_reason": why}
    rollout_log.control(session, rollout, actor, what, reason=why, before=before, after=after)


def _told(rollout: Rollout, counted: stored.Counts) -> dict[str, Any]:
    return {"state": rollout.state, "containers": {str(state): count for state, count in counted.items()}}


def _set(
    session: Session,
    rollout: Rollout,
    current: frozenset[PartState] | set[PartState],
    target: PartState,
    *,
    only: Sequence[uuid.UUID] | None = None,
    **values: object,
) -> int:
    """Move all parts that are in some states to another one; return how many there were."""
    theirs = RolloutContainer.rollout_id == rollout.id
    statement = update(RolloutContainer).where(theirs, RolloutContainer.state.in_(current))
    if only is not None:
        statement = statement.where(RolloutContainer.id == func.any(list(only)))
    done = session.execute(
        statement.values(state=target, **values).execution_options(synchronize_session=False)
    )
    return done.rowcount  # type: ignore[attr-defined,no-any-return]
