"""The tables of moves of rollouts: whole, without dead ends, and the controls lead only along them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from app.errors import Conflict, IllegalMove
from app.protocol import rollout_states as states
from app.protocol.rollout_states import (
    CONTROLS,
    ENDED,
    LIVE,
    PART_MOVES,
    ROLLOUT_MOVES,
    WAVE_MOVES,
    Control,
    PartState,
    RolloutState,
    WaveState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

TABLES = [
    (ROLLOUT_MOVES, RolloutState.DRAFT, states.check_rollout_move),
    (WAVE_MOVES, WaveState.WAITING, states.check_wave_move),
    (PART_MOVES, PartState.WAITING, states.check_part_move),
]


@pytest.mark.parametrize(("table", "first", "check"), TABLES)
def test_each_state_is_reached_and_each_pair_is_judged(
    table: Mapping[StrEnum, frozenset[StrEnum]], first: StrEnum, check: Callable[[StrEnum, StrEnum], None]
) -> None:
    assert set(table) == set(type(first))
    reached, front = {first}, [first]
    while front:
        front = [each for state in front for each in table[state] if each not in reached]
        reached |= set(front)
    assert reached == set(table)
    for current, target in product(table, repeat=2):
        if target in table[current]:
            check(current, target)
        else:
            with pytest.raises(IllegalMove):
                check(current, target)


@pytest.mark.parametrize("control", list(Control))
def test_a_control_leads_only_along_the_moves(control: Control) -> None:
    for state, (target, waves) in CONTROLS[control].items():
        assert target is state or target in ROLLOUT_MOVES[state]
        assert waves


def test_every_state_but_rolling_back_can_be_left_by_somebody() -> None:
    """Rolling back ends by itself, and must not be stopped half-way; so does what is being aborted."""
    for state in set(RolloutState) - {RolloutState.ROLLING_BACK}:
        assert any(state in moves for moves in CONTROLS.values()), state
    assert LIVE | ENDED | {RolloutState.DRAFT} == set(RolloutState)


def every(*parts: PartState) -> frozenset[PartState]:
    return frozenset(parts)


@pytest.mark.parametrize(
    ("control", "state", "wave", "parts", "why"),
    [
        (Control.START, RolloutState.DRAFT, WaveState.WAITING, every(), None),
        (Control.START, RolloutState.RUNNING, WaveState.RUNNING, every(), "running cannot start"),
        (Control.RESUME, RolloutState.PAUSED, WaveState.BAKING, every(), None),
        (Control.RESUME, RolloutState.PAUSED, WaveState.FAILED, every(), "wave has failed"),
        (Control.PROMOTE, RolloutState.RUNNING, WaveState.RUNNING, every(), "still running"),
        (Control.PROMOTE, RolloutState.PAUSED, WaveState.FAILED, every(), None),
        (Control.PROMOTE, RolloutState.PAUSED, WaveState.WAITING, every(), "present wave is waiting"),
        (Control.RETRY, RolloutState.PAUSED, WaveState.FAILED, every(PartState.COMPLETED), "is failed"),
        (Control.RETRY, RolloutState.PAUSED, WaveState.FAILED, every(PartState.FAILED), None),
        (Control.RETRY, RolloutState.ROLLED_BACK, None, every(PartState.ROLLED_BACK), None),
        (Control.RETRY, RolloutState.COMPLETED, None, every(PartState.ROLLED_BACK), "is failed"),
        (Control.RETRY, RolloutState.ABORTED, None, every(PartState.FAILED), "aborted cannot retry"),
        (Control.ROLL_BACK, RolloutState.RUNNING, WaveState.RUNNING, every(PartState.RUNNING), None),
        (Control.ROLL_BACK, RolloutState.COMPLETED, None, every(PartState.FAILED), "completed or running"),
        (Control.ROLL_BACK, RolloutState.DRAFT, WaveState.WAITING, every(), "draft cannot roll back"),
        (Control.ROLL_BACK_SOME, RolloutState.RUNNING, WaveState.RUNNING, every(), "cannot roll back some"),
    ],
)
def test_why_a_control_cannot_be_used(
    control: Control,
    state: RolloutState,
    wave: WaveState | None,
    parts: frozenset[PartState],
    why: str | None,
) -> None:
    said = states.obstacle(control, state, wave, parts)
    assert (said is None) is (why is None)
    assert (why or "") in (said or "")
    if why is None:
        assert states.check_control(control, state, wave, parts) is CONTROLS[control][state][0]
    else:
        with pytest.raises(Conflict, match=said):
            states.check_control(control, state, wave, parts)


def test_where_a_part_goes_when_its_migration_has_ended() -> None:
    ends = {
        (PartState.RUNNING, RolloutState.RUNNING, True): PartState.COMPLETED,
        (PartState.RUNNING, RolloutState.ROLLING_BACK, True): PartState.RETURNING,
        (PartState.RUNNING, RolloutState.ROLLING_BACK, False): PartState.FAILED,
        (PartState.ROLLING_BACK, RolloutState.ROLLING_BACK, True): PartState.ROLLED_BACK,
        (PartState.ROLLING_BACK, RolloutState.ROLLING_BACK, False): PartState.COMPLETED,
    }
    for (part, rollout, success), target in ends.items():
        assert states.settled(part, rollout, success=success) is target
        states.check_part_move(part, target)


def test_what_a_roll_back_cancels_has_not_failed_and_what_a_person_cancels_has() -> None:
    part = PartState.RUNNING
    for rollout in RolloutState:
        target = states.settled(part, rollout, success=False, cancelled=True)
        back = rollout is RolloutState.ROLLING_BACK
        assert target is (PartState.ROLLED_BACK if back else PartState.FAILED)
        states.check_part_move(part, target)
