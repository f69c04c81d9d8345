"""A rollout's progress as a bar: its states side by side, each as wide as it is common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.rollout_states import PartState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 1000
"""The drawing's width; the page stretches it."""

ORDER: Final = (
    PartState.COMPLETED,
    PartState.RUNNING,
    PartState.FAILED,
    PartState.RETURNING,
    PartState.ROLLING_BACK,
    PartState.ROLLED_BACK,
    PartState.WAITING,
    PartState.SKIPPED,
)
"""Those that take part, as they stand beside each other."""


class Piece(NamedTuple):
    """How many are in a state, and where their piece of the bar stands."""

    state: PartState
    number: int
    start: float
    width: float


def pieces(counted: Mapping[PartState, int]) -> Sequence[Piece]:
    """Lay a bar out; states in which none is have no piece, nor have those that are left out."""
    total = sum(counted.get(state, 0) for state in ORDER)
    found: list[Piece] = []
    start = 0.0
    for state in ORDER:
        if number := counted.get(state, 0):
            width = round(WIDTH * number / total, 1)
            found.append(Piece(state, number, round(start, 1), width))
            start += width
    return found
