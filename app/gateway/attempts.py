"""When the next dial is due: backoff with full jitter, then a long rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.protocol.backoff import delays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from app.services.configurations import ConfigurationValues


class Attempts:
    """The dials of one container since it was last connected. `due` is a moment of the monotonic clock."""

    def __init__(self, random: Random) -> None:
        self.due = 0.0
        self.made = 0
        self._random = random
        self._delays: Iterator[float] | None = None
        self._goal: object = None

    def aim(self, goal: object) -> None:
        """Start afresh if something else is to be reached than before: who changed that shall not wait."""
        if goal != self._goal:
            self._goal = goal
            self.reset()

    def reset(self) -> None:
        """Start afresh: the next dial is due at once."""
        self.due, self.made, self._delays = 0.0, 0, None

    def failed(self, limits: ConfigurationValues) -> bool:
        """Schedule the next attempt after a failed one, or after a loss; False when there is none left."""
        if self._delays is None:
            self._delays = delays(limits, self._random)
        delay = next(self._delays, None)
        if delay is None:
            return False
        self.made += 1
        self.due = time.monotonic() + delay
        return True

    def rest(self, seconds: float) -> None:
        """Begin anew after a pause."""
        self.reset()
        self.due = time.monotonic() + seconds
