"""Turns to dial: however many containers are lost at once, they are dialled one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PER_SECOND: Final = 80
"""1.6 % of the 5,000 containers that a gateway may hold; 3 % at most are promised (reliability.md)."""


class Turn:
    """A place in the line. `told` is called once it has come, and `given` is True then."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.told = told
        self.given = False
        self.wanted = True
        """To be set to False by who does not need it any more, so that nobody waits for it."""


class Turns:
    """Gives turns in order, a beat apart; who comes to a free moment has one at once.

    A beat that comes late, because the event loop was busy, moves all that follow: a storm that was held up
    does not come all at once then.
    """

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._beat = 1 / per_second
        self._line: deque[Turn] = deque()
        self._resting = False

    def join(self, told: Callable[[], None]) -> Turn:
        """Take a place at the end of the line."""
        turn = Turn(told)
        self._line.append(turn)
        if not self._resting:
            self._give()
        return turn

    def _give(self) -> None:
        self._resting = False
        while self._line and not self._resting:
            turn = self._line.popleft()
            if turn.wanted:
                turn.given = True
                turn.told()
                self._resting = True
                asyncio.get_running_loop().call_later(self._beat, self._give)
