"""The worker that keeps the rollups: apart from the recorder, behind what is committed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.services import rollups

if TYPE_CHECKING:
    from app.gateway.database import Database

BEAT_SECONDS: Final = 5.0
"""How far the statistics may be behind. Each gateway beats; whoever comes first does the work."""


class Rollups:
    """Adds records to the rollups and sweeps old ones; `run` is the worker."""

    def __init__(self, database: Database, beat: float = BEAT_SECONDS) -> None:
        self._database = database
        self._beat = beat

    async def run(self) -> None:
        """Work for ever. A backlog is worked off at half speed: the database is the recorder's, too."""
        while True:
            began = time.monotonic()
            added = await self._database.run(rollups.add)
            if not added:
                await self._database.run(rollups.sweep)
            spent = time.monotonic() - began
            await asyncio.sleep(spent if added >= rollups.STEP_ROWS else self._beat)
