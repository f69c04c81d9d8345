"""Turns to dial: however many containers are lost at once, they are dialled one after the other."""

from __future__ import annotations

from typing import Final

PER_SECOND: Final = 80
"""1.6 % of the 5,000 containers that a gateway may hold; at most 3 % are promised (reliability.md, a storm).

The rest is for turns that come late while the machine is busy, and then several at once."""


class Turns:
    """Gives turns at an even beat; who comes to a free moment has one at once."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._beat = 1 / per_second
        self._free = 0.0

    def reserve(self, now: float) -> float:
        """Return the moment of the next turn, `now` or later, by the same clock."""
        turn = max(now, self._free)
        self._free = turn + self._beat
        return turn
