"""The worker that keeps the rollups: apart from the recorder, behind what is committed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.gateway.background import Background
from app.services import rollups

if TYPE_CHECKING:
    from app.gateway.background import Recording
    from app.gateway.database import Database

BEAT_SECONDS: Final = 5.0
"""How far the statistics may be behind. Each gateway beats; whoever comes first does the work."""


class Rollups:
    """Adds records to the rollups and sweeps old ones; `run` is the worker."""

    def __init__(self, database: Database, recording: Recording, beat: float = BEAT_SECONDS) -> None:
        self._database = database
        self._background = Background(recording)
        self._beat = beat

    async def run(self) -> None:
        """Work for ever. A backlog is worked off beside the recorder, whose database it is, too."""
        while True:
            began = time.monotonic()
            added = await self._database.run(rollups.add)
            if not added:
                await self._database.run(rollups.sweep)
            pause = self._background.pause_after(time.monotonic() - began)
            await asyncio.sleep(pause if added >= rollups.STEP_ROWS else max(pause, self._beat))
