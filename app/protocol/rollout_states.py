"""The states of a rollout, its waves and its containers, and the legal moves between them, each written once.

What people may ask of a rollout (`CONTROLS`) is read from a table, too: the buttons of the page, the command
line and the services go by it, so that nothing can be pressed that cannot work.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from app.errors import Conflict, IllegalMove

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RolloutState(StrEnum):
    """How far a rollout has come."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTING = "aborting"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"


class WaveState(StrEnum):
    """How far a wave has come: `baking` is watched after its last container, `failed` has crossed a limit."""

    WAITING = "waiting"
    RUNNING = "running"
    BAKING = "baking"
    PASSED = "passed"
    FAILED = "failed"


class PartState(StrEnum):
    """How far a container's part in a rollout has come.

    `failed` is on the old protocol, be it that it fell back there later; `returning` waits until it is taken
    back, `rolling_back` is being taken; `rolled_back` was taken, or never left, because a roll back cancelled
    its protocol migration. `left_out` takes no part and says why; `skipped` was still waiting
    when the rollout was aborted.
    """

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    RETURNING = "returning"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    LEFT_OUT = "left_out"
    SKIPPED = "skipped"


class Control(StrEnum):
    """What people ask of a rollout."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"
    ROLL_BACK = "roll_back"
    ROLL_BACK_SOME = "roll_back_some"


ROLLOUT_MOVES: Final[Mapping[RolloutState, frozenset[RolloutState]]] = {
    RolloutState.DRAFT: frozenset({RolloutState.RUNNING, RolloutState.ABORTED}),
    RolloutState.RUNNING: frozenset(
        {RolloutState.PAUSED, RolloutState.ABORTING, RolloutState.ROLLING_BACK, RolloutState.COMPLETED}
    ),
    RolloutState.PAUSED: frozenset({RolloutState.RUNNING, RolloutState.ABORTING, RolloutState.ROLLING_BACK}),
    RolloutState.ABORTING: frozenset({RolloutState.ROLLING_BACK, RolloutState.ABORTED}),
    RolloutState.ROLLING_BACK: frozenset({RolloutState.ROLLED_BACK}),
    RolloutState.COMPLETED: frozenset({RolloutState.RUNNING, RolloutState.ROLLING_BACK}),
    RolloutState.ABORTED: frozenset({RolloutState.ROLLING_BACK}),
    RolloutState.ROLLED_BACK: frozenset({RolloutState.RUNNING, RolloutState.ROLLING_BACK}),
}

WAVE_MOVES: Final[Mapping[WaveState, frozenset[WaveState]]] = {
    WaveState.WAITING: frozenset({WaveState.RUNNING}),
    WaveState.RUNNING: frozenset({WaveState.BAKING, WaveState.FAILED}),
    WaveState.BAKING: frozenset({WaveState.PASSED, WaveState.FAILED, WaveState.RUNNING}),
    WaveState.PASSED: frozenset({WaveState.WAITING}),
    WaveState.FAILED: frozenset({WaveState.WAITING, WaveState.PASSED}),
}

PART_MOVES: Final[Mapping[PartState, frozenset[PartState]]] = {
    PartState.WAITING: frozenset({PartState.RUNNING, PartState.LEFT_OUT, PartState.SKIPPED}),
    PartState.RUNNING: frozenset(
        {PartState.COMPLETED, PartState.FAILED, PartState.RETURNING, PartState.ROLLED_BACK}
    ),
    PartState.COMPLETED: frozenset({PartState.RETURNING, PartState.FAILED}),
    PartState.FAILED: frozenset({PartState.WAITING}),
    PartState.RETURNING: frozenset({PartState.ROLLING_BACK, PartState.ROLLED_BACK, PartState.COMPLETED}),
    PartState.ROLLING_BACK: frozenset({PartState.ROLLED_BACK, PartState.COMPLETED}),
    PartState.ROLLED_BACK: frozenset({PartState.WAITING}),
    PartState.LEFT_OUT: frozenset(),
    PartState.SKIPPED: frozenset(),
}

ENDED: Final = frozenset({RolloutState.COMPLETED, RolloutState.ABORTED, RolloutState.ROLLED_BACK})
"""States in which nothing happens any more unless somebody asks for it."""
LIVE: Final = frozenset(
    {RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.ABORTING, RolloutState.ROLLING_BACK}
)
"""States in which the controller looks after a rollout whatever its containers do."""
MOVING: Final = frozenset({PartState.RUNNING, PartState.ROLLING_BACK})
"""A protocol migration is under way."""
UNSETTLED: Final = MOVING | {PartState.RETURNING}
"""The controller has to look after them in whatever state the rollout is."""

_ANY_WAVE: Final = frozenset(WaveState)
_UNFAILED: Final = _ANY_WAVE - {WaveState.FAILED}
_CURRENT: Final = frozenset({WaveState.RUNNING, WaveState.BAKING})

CONTROLS: Final[Mapping[Control, Mapping[RolloutState, tuple[RolloutState, frozenset[WaveState]]]]] = {
    Control.START: {RolloutState.DRAFT: (RolloutState.RUNNING, _ANY_WAVE)},
    Control.PAUSE: {RolloutState.RUNNING: (RolloutState.PAUSED, _ANY_WAVE)},
    Control.RESUME: {RolloutState.PAUSED: (RolloutState.RUNNING, _UNFAILED)},
    Control.PROMOTE: {
        RolloutState.RUNNING: (RolloutState.RUNNING, frozenset({WaveState.BAKING})),
        RolloutState.PAUSED: (RolloutState.RUNNING, frozenset({WaveState.BAKING, WaveState.FAILED})),
    },
    Control.ABORT: {
        RolloutState.DRAFT: (RolloutState.ABORTED, _ANY_WAVE),
        RolloutState.RUNNING: (RolloutState.ABORTING, _ANY_WAVE),
        RolloutState.PAUSED: (RolloutState.ABORTING, _ANY_WAVE),
    },
    Control.RETRY: {
        RolloutState.RUNNING: (RolloutState.RUNNING, _ANY_WAVE),
        RolloutState.PAUSED: (RolloutState.RUNNING, _ANY_WAVE),
        RolloutState.COMPLETED: (RolloutState.RUNNING, _ANY_WAVE),
        RolloutState.ROLLED_BACK: (RolloutState.RUNNING, _ANY_WAVE),
    },
    Control.ROLL_BACK: {
        state: (RolloutState.ROLLING_BACK, _ANY_WAVE)
        for state in RolloutState
        if state not in {RolloutState.DRAFT, RolloutState.ROLLING_BACK}
    },
    Control.ROLL_BACK_SOME: {
        state: (state, _ANY_WAVE)
        for state in (RolloutState.PAUSED, RolloutState.COMPLETED, RolloutState.ABORTED)
    },
}
"""For each control: from which state it leads to which, and in which state the present wave has to be.

A rollout whose first wave has not begun has that one for its present wave.
"""

NEEDS: Final[Mapping[Control, frozenset[PartState]]] = {
    Control.RETRY: frozenset({PartState.FAILED, PartState.ROLLED_BACK}),
    Control.ROLL_BACK: frozenset({PartState.COMPLETED, PartState.RUNNING}),
    Control.ROLL_BACK_SOME: frozenset({PartState.COMPLETED}),
}
"""Controls that need a container in one of these states, or there is nothing for them to do."""


def obstacle(
    control: Control, state: RolloutState, wave: WaveState | None, parts: Iterable[PartState]
) -> str | None:
    """Say why a control cannot be used now, None if it can.

    `wave` is the present wave's state, None without any; `parts` are the states that containers are in.
    """
    move = CONTROLS[control].get(state)
    words = control.replace("_", " ")
    if move is None:
        return f"a rollout that is {state.replace('_', ' ')} cannot {words}"
    if wave is not None and wave not in move[1]:
        return _WAVE_SAYS.get(wave, f"the present wave is {wave}")
    needed = retried(state) if control is Control.RETRY else NEEDS.get(control)
    if needed is not None and needed.isdisjoint(parts):
        return f"no container is {' or '.join(sorted(needed)).replace('_', ' ')}"
    return None


def retried(state: RolloutState) -> frozenset[PartState]:
    """Return which containers a retry is for: those that failed; after a roll back those taken back, too."""
    return NEEDS[Control.RETRY] if state is RolloutState.ROLLED_BACK else frozenset({PartState.FAILED})


_WAVE_SAYS: Final = {
    WaveState.FAILED: "the present wave has failed: retry what failed, promote, abort or roll back",
    WaveState.RUNNING: "the present wave is still running; only one that bakes, or has failed, is promoted",
}


def settled(part: PartState, rollout: RolloutState, *, success: bool, cancelled: bool = False) -> PartState:
    """Return where a container's part goes when its protocol migration has ended.

    One that could not be taken back stays completed. While all are taken back, one that completes is so, too,
    and one that was `cancelled` has not failed: it is where the roll back wants it.
    """
    if part is PartState.ROLLING_BACK:
        return PartState.ROLLED_BACK if success else PartState.COMPLETED
    back = rollout is RolloutState.ROLLING_BACK
    if not success:
        return PartState.ROLLED_BACK if back and cancelled else PartState.FAILED
    return PartState.RETURNING if back else PartState.COMPLETED


def check_control(
    control: Control, state: RolloutState, wave: WaveState | None, parts: Iterable[PartState]
) -> RolloutState:
    """Return the state that a control leads to.

    Raises:
        Conflict: it cannot be used now; see `obstacle`.
    """
    if (why := obstacle(control, state, wave, parts)) is not None:
        raise Conflict(why)
    return CONTROLS[control][state][0]


def check_rollout_move(current: RolloutState, target: RolloutState) -> None:
    """Raise `IllegalMove` unless a rollout may go from one state to the other."""
    if target not in ROLLOUT_MOVES[current]:
        raise IllegalMove("rollout", current, target)


def check_wave_move(current: WaveState, target: WaveState) -> None:
    """Raise `IllegalMove` unless a wave may go from one state to the other."""
    if target not in WAVE_MOVES[current]:
        raise IllegalMove("wave", current, target)


def check_part_move(current: PartState, target: PartState) -> None:
    """Raise `IllegalMove` unless a container's part may go from one state to the other."""
    if target not in PART_MOVES[current]:
        raise IllegalMove("container's part in the rollout", current, target)
