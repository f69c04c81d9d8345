"""Turns to dial: however many containers are lost at once, they are dialled one after the other."""

from __future__ import annotations

import asyncio
from typing import Final

PER_SECOND: Final = 125
"""2.5 % of the 5,000 containers that a gateway may hold (reliability.md, a reconnect storm: at most 3 %)."""


class Turns:
    """Gives turns at an even beat; who comes to a free moment does not wait."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._beat = 1 / per_second
        self._free = 0.0

    async def take(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._free)
        self._free = turn + self._beat
        if turn > now:
            await asyncio.sleep(turn - now)
