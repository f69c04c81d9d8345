"""The worker that keeps the search index: behind the recorder, and out of its way.

Every gateway has one; the database lets one at a time work (services.message_search). What they leave for
later is searched record by record meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.gateway.background import Background
from app.services import message_search

if TYPE_CHECKING:
    from app.gateway.background import Recording
    from app.gateway.database import Database

PAUSE_SECONDS: Final = 2.0
"""Between two looks when there is little to do."""
FORGET_SECONDS: Final = 600.0


class SearchIndex:
    """Puts records into blocks for as long as `run` runs."""

    def __init__(self, database: Database, recording: Recording) -> None:
        self._database = database
        self._background = Background(recording)
        self._forget_at = 0.0

    async def run(self) -> None:
        """Extend the index for ever, and forget what has been deleted; while the database is away, wait."""
        while True:
            pause = await self._work()
            await asyncio.sleep(pause)

    async def _work(self) -> float:
        """Do some of the work; return how long to leave it then, in seconds."""
        began = time.monotonic()
        if began >= self._forget_at:
            self._forget_at = began + FORGET_SECONDS
            await self._database.run(message_search.forget)
        if not await self._database.run(message_search.extend):
            return PAUSE_SECONDS
        return self._background.pause_after(time.monotonic() - began)
