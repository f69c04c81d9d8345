"""The work of a rollout's controller: what has ended is taken over, then what is to be done next is done.

`step` is one transaction of bounded size and holds the rollout's row, so that it does not matter how many
gateways try, nor where one dies: what is not committed has not happened, and the next step decides anew.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from app.models import RolloutWave
from app.protocol import rollout_decision as decision
from app.protocol.rollout_decision import Picture, WavePicture, decide
from app.protocol.rollout_states import (
    RolloutState,
    WaveState,
    check_rollout_move,
    check_wave_move,
)
from app.queries import rollout_evidence, rollout_selection
from app.queries import rollouts as stored
from app.services import rollout_drafts, rollout_log, rollout_parts, rollout_plans, rollouts
from app.services.actor import Actor

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping
    from typing import Any

    from sqlalchemy.orm import Session

    from app.models import Rollout

CONTROLLER: Final = Actor("rollout controller", origin="gateway")
BATCH: Final = 200
"""Containers that one step begins to move, at most: a tenth of a second of the database's time."""

MEASURE_EVERY: Final = dt.timedelta(seconds=10)
"""The rollups that requests are counted by are seconds behind themselves."""

# One controller of the whole fleet at a time; what a crash leaves locked, PostgreSQL lets go.
_TAKE_TURN: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('console rollouts controller'))")


def step(session: Session, rollout_id: uuid.UUID) -> bool:
    """Do what is next in a rollout; return whether there may be more to do at once.

    Another controller that is at work is left alone; then there is nothing to do here.
    """
    if not session.scalar(_TAKE_TURN):
        return False
    rollout = stored.get(session, rollout_id, lock=True)
    if rollout_parts.take_over(session, rollout):
        rollout_log.ring(session, rollout)
        return True  # what follows, and may take longer, is the next step's: people see first what has ended
    joined = _join(session, rollout)
    _measure(session, rollout)
    commands = decide(picture(session, rollout))
    for command in commands:
        _CARRY_OUT[type(command)](session, rollout, command)
    if joined or commands:
        rollout_log.ring(session, rollout)
    return bool(commands)


def picture(session: Session, rollout: Rollout) -> Picture:
    """Return what the decision is made from, as it is stored now."""
    plan, all_waves = rollout.planned, stored.waves(session, rollout.id)
    counted = stored.counts(session, rollout.id)
    judged = rollout.state in {RolloutState.RUNNING, RolloutState.PAUSED}
    present = stored.present(all_waves) if judged else None
    return Picture(
        state=RolloutState(rollout.state),
        plan=plan,
        waves=[
            WavePicture(
                number=each.number,
                state=WaveState(each.state),
                parts=counted.get(each.number, {}),
                baking_since=each.baking_at,
            )
            for each in all_waves
        ],
        now=stored.now(session),
        evidence=rollout_evidence.of(session, rollout, present.number if present is not None else None),
    )


def _join(session: Session, rollout: Rollout) -> bool:
    """Let containers join that have come to match the selection, while the last wave is not over."""
    plan = rollout.planned
    if not plan.late_joiners or rollout.state != RolloutState.RUNNING:
        return False
    last = stored.waves(session, rollout.id)[-1]
    if last.state not in {WaveState.WAITING, WaveState.RUNNING}:
        return False
    found = rollout_selection.newcomers(session, plan.selection, rollout.to_protocol, rollout_id=rollout.id)
    joining = [each for each in found if each.obstacle is None]
    if not joining:
        return False
    rollout_drafts.join(session, rollout, last.number, joining, rollout_parts.next_position(session, rollout))
    names = rollout_plans.named([each.name for each in joining])
    rollout_log.note(session, rollout, CONTROLLER, "joined late", names, wave=last.number)
    return True


def _measure(session: Session, rollout: Rollout) -> None:
    """Count the last hour's requests anew where they may have changed: many rows, so not with each step."""
    now = stored.now(session)
    if rollout.planned.limits.success is None or rollout.state not in {
        RolloutState.RUNNING,
        RolloutState.PAUSED,
    }:
        return
    if rollout.measured_at is None or now - rollout.measured_at >= MEASURE_EVERY:
        rollout.requests, rollout.request_errors = rollout_evidence.requests(session, rollout)
        rollout.measured_at = now
        session.flush()


def _begin_wave(session: Session, rollout: Rollout, command: decision.BeginWave) -> None:
    _wave(session, rollout, command.number, WaveState.RUNNING, "began_at")
    rollout_log.note(session, rollout, CONTROLLER, "wave began", wave=command.number)


def _begin(session: Session, rollout: Rollout, command: decision.Begin) -> None:
    rollout_parts.begin(session, rollout, command.number, min(command.containers, BATCH), CONTROLLER)


def _bake(session: Session, rollout: Rollout, command: decision.Bake) -> None:
    _wave(session, rollout, command.number, WaveState.BAKING, "baking_at")
    rollout_log.note(session, rollout, CONTROLLER, "wave bakes", wave=command.number)


def _pass_wave(session: Session, rollout: Rollout, command: decision.PassWave) -> None:
    _wave(session, rollout, command.number, WaveState.PASSED, "ended_at")
    rollout_log.note(session, rollout, CONTROLLER, "wave passed", wave=command.number)


def _fail_wave(session: Session, rollout: Rollout, command: decision.FailWave) -> None:
    _wave(session, rollout, command.number, WaveState.FAILED, "ended_at").why = command.why
    rollout_log.note(session, rollout, CONTROLLER, "wave failed", command.why, wave=command.number)


def _pause(session: Session, rollout: Rollout, command: decision.Pause) -> None:
    _enter(session, rollout, RolloutState.PAUSED, command.why)


def _roll_back(session: Session, rollout: Rollout, command: decision.RollBack) -> None:
    rollouts.take_back_all(session, rollout)
    rollout_parts.cancel(session, rollout, command.why, CONTROLLER)
    _enter(session, rollout, RolloutState.ROLLING_BACK, command.why)


def _return(session: Session, rollout: Rollout, command: decision.Return) -> None:
    rollout_parts.give_back(session, rollout, min(command.containers, BATCH), CONTROLLER)


def _end(session: Session, rollout: Rollout, command: decision.End) -> None:
    why = "every wave has passed" if command.state is RolloutState.COMPLETED else rollout.state_reason
    _enter(session, rollout, command.state, why)


_CARRY_OUT: Final[Mapping[type, Callable[[Session, Rollout, Any], None]]] = {
    decision.BeginWave: _begin_wave,
    decision.Begin: _begin,
    decision.Bake: _bake,
    decision.PassWave: _pass_wave,
    decision.FailWave: _fail_wave,
    decision.Pause: _pause,
    decision.RollBack: _roll_back,
    decision.Return: _return,
    decision.End: _end,
}


def _enter(session: Session, rollout: Rollout, state: RolloutState, why: str) -> None:
    before = rollout.state
    check_rollout_move(RolloutState(before), state)
    rollout_log.enter(session, rollout, state, why, CONTROLLER)
    what = {RolloutState.PAUSED: "paused", RolloutState.ROLLING_BACK: "rolls back"}.get(
        state, f"ended as {state}"
    )
    rollout_log.control(
        session,
        rollout,
        CONTROLLER,
        what.replace("_", " "),
        reason=why,
        before={"state": before},
        after={"state": state},
    )


def _wave(session: Session, rollout: Rollout, number: int, state: WaveState, stamp: str) -> RolloutWave:
    """Move a wave and note the time in the column that is named."""
    now = stored.now(session)  # first: reading it may flush
    wave = session.get_one(RolloutWave, (rollout.id, number))
    check_wave_move(WaveState(wave.state), state)
    wave.state = state
    setattr(wave, stamp, now)
    return wave
