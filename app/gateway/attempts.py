"""When the next dial is due: backoff with full jitter, then a long rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.protocol.backoff import delay

if TYPE_CHECKING:
    from random import Random

    from app.protocol.backoff import ReconnectLimits


class Attempts:
    """The dials of one container since its last stable connection. `due` is a moment of the monotonic clock.

    A connection is stable once it has lived for `max_reconnect_delay`. One that is lost sooner counts as a
    failed attempt, or a container that drops each at once would be dialled at the first delay for ever.
    """

    def __init__(self, random: Random) -> None:
        self.due = 0.0
        self.made = 0
        self._random = random
        self._connected: float | None = None
        self._aim: object = None

    def aim(self, goal: object, limits: ReconnectLimits) -> None:
        """Start afresh if the goal or the limits are others than before: who changed them shall not wait."""
        aim = (goal, limits.reconnect_delay, limits.max_reconnect_delay, limits.max_reconnect_attempts)
        if aim != self._aim:
            self._aim = aim
            self.reset()

    def reset(self) -> None:
        """Start afresh: the next dial is due at once."""
        self.due, self.made = 0.0, 0

    def connected(self) -> None:
        """Note the moment; the series goes on if the connection turns out not to be stable."""
        self._connected = time.monotonic()

    def failed(self, limits: ReconnectLimits) -> bool:
        """Schedule the next attempt after a failed one, or after a loss; False when there is none left."""
        now = time.monotonic()
        if self._connected is not None and now - self._connected >= limits.max_reconnect_delay / 1000:
            self.reset()
        self._connected = None
        if self.made >= limits.max_reconnect_attempts:
            return False
        self.made += 1
        self.due = now + delay(limits, self.made, self._random)
        return True

    def rest(self, seconds: float) -> None:
        """Begin anew after a pause."""
        self.reset()
        self.due = time.monotonic() + seconds
