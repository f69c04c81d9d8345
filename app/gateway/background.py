"""How much of the time may go to work behind the recorder: the search index and the rollups."""

from __future__ import annotations

import time
from typing import Final, Protocol

SHARE: Final = 0.5
"""Of the time, at most, in which the database works for one of them."""
BUSY_SHARE: Final = 0.05
BUSY_RATE: Final = 1000.0
"""Records a second from which on recording gets nearly all of it. What is put off is caught up later."""


class Recording(Protocol):
    """The recorder, of which only this is asked."""

    stored: int
    """How many records have been committed since the start."""


class Background:
    """Tells one worker how long to leave the database alone after it has worked."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._stored, self._at = recording.stored, time.monotonic()

    def pause_after(self, seconds: float) -> float:
        """Return for how long to pause after so much work, by how fast records came since the last."""
        now = time.monotonic()
        rate = (self._recording.stored - self._stored) / max(now - self._at, seconds, 0.001)
        self._stored, self._at = self._recording.stored, now
        return seconds * (1 / (BUSY_SHARE if rate >= BUSY_RATE else SHARE) - 1)
