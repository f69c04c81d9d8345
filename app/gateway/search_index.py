"""The worker that keeps the search index: behind the recorder, and out of its way.

Every gateway has one; the database lets one at a time work (services.message_search). What they leave for
later is searched record by record meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

from app.services import message_search

if TYPE_CHECKING:
    from app.gateway.database import Database

PAUSE_SECONDS: Final = 2.0
"""Between two looks when there is little to do."""
SHARE: Final = 0.5
"""Of the time, at most, in which the database works for the index."""
BUSY_RECORDS: Final = 2000
"""Records waiting to be committed from which on the index waits: recording comes first."""
FORGET_SECONDS: Final = 600.0


class Recording(Protocol):
    """The recorder, of which only this is asked."""

    @property
    def waiting(self) -> int:
        """How many records wait to be committed."""


class SearchIndex:
    """Puts records into blocks for as long as `run` runs."""

    def __init__(self, database: Database, recording: Recording) -> None:
        self._database = database
        self._recording = recording
        self._forget_at = 0.0

    async def run(self) -> None:
        """Extend the index for ever, and forget what has been deleted; while the database is away, wait."""
        while True:
            pause = await self._work()
            await asyncio.sleep(pause)

    async def _work(self) -> float:
        """Do some of the work; return how long to leave it then, in seconds."""
        if self._recording.waiting >= BUSY_RECORDS:
            return PAUSE_SECONDS
        began = time.monotonic()
        if began >= self._forget_at:
            self._forget_at = began + FORGET_SECONDS
            await self._database.run(message_search.forget)
        if not await self._database.run(message_search.extend):
            return PAUSE_SECONDS
        return (time.monotonic() - began) * (1 / SHARE - 1)
