"""Tells the web which timelines have grown: one NOTIFY for many records, in a small transaction of its own.

NOTIFY makes commits wait for each other, so it has no place in the recorder's transactions, and its own are
not flushed to disk: they say what is stored already. What gathers while one is under way, and for a moment
after, goes out with the next. `last_active` is kept up here too, at most once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg

from app.services.doorbell import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from app.gateway.batch import Entry
    from app.gateway.database import Database
    from app.gateway.rows import Book

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.03
"""Between two announcements; nobody sees a timeline grow faster."""
TOUCH_SECONDS: Final = 1.0
RING: Final = f"SELECT pg_notify('{FACTS}', '%s')"
# Rows that somebody else has locked are left for the next second: this must wait for nobody, in no circle.
TOUCH: Final = """
    UPDATE acp_connection SET last_active = now() WHERE id IN (
        SELECT id FROM acp_connection WHERE id = ANY('{%s}') FOR NO KEY UPDATE SKIP LOCKED
    )
"""
RETRY_SECONDS: Final = 0.5
LINES: Final = 80
"""Lines in one payload: 82 bytes each, and PostgreSQL takes 8000."""


class Announcer:
    """Gathers the books that records were written in and rings for them; `run` is its worker."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: AsyncConnection[Any] | None = None
        self._grown: set[Book] = set()
        self._touched: dict[Book, float] = {}
        self._wake = asyncio.Event()

    def committed(self, entries: Sequence[Entry]) -> None:
        """Note which timelines a committed batch has made longer."""
        self._grown.update(each.book for each in entries if each.book is not None)
        if self._grown:
            self._wake.set()

    async def run(self) -> None:
        """Ring for ever; while the database is away, keep what there is to ring for."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                grown, self._grown = self._grown, set()
                await self._announce(grown)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await self._disconnect()

    async def _announce(self, grown: set[Book]) -> None:
        try:
            if self._connection is None:
                self._connection = await self._database.connect()
                await self._connection.execute("SET synchronous_commit = off")
            await self._ring(self._connection, list(grown))
        except psycopg.OperationalError as error:
            log.warning("Could not announce %d timelines: %s", len(grown), str(error).strip())
            self._grown |= grown
            self._wake.set()
            await self._disconnect()
            await asyncio.sleep(RETRY_SECONDS)

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _ring(self, connection: AsyncConnection[Any], grown: Sequence[Book]) -> None:
        """Say all of it in one message, which is one transaction; ids need no quoting."""
        lines = [f"messages {book.container_text} {book.connection_text}" for book in grown]
        said = [RING % "\n".join(lines[start : start + LINES]) for start in range(0, len(lines), LINES)]
        if idle := self._untouched(grown):
            said.append(TOUCH % ",".join(idle))
        await connection.execute("; ".join(said))

    def _untouched(self, books: Sequence[Book]) -> list[str]:
        """Return the connections not touched within the last second; books that fell silent are forgotten."""
        now = time.monotonic()
        recent = {each: at for each, at in self._touched.items() if now - at < TOUCH_SECONDS}
        idle = [book for book in books if book not in recent]
        self._touched = recent | dict.fromkeys(idle, now)
        return [book.connection_text for book in idle]
