"""Statements and a COPY in one message: a transaction in two round trips, of which psycopg makes five.

psycopg cannot say both at once, so that this speaks to libpq itself (`psycopg.pq`), over a connection of
psycopg's that is doing nothing else. PostgreSQL runs what stands in one message as one transaction ("Message
Flow", "Multiple Statements in a Simple Query").
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import AsyncConnection
    from psycopg.pq.abc import PGresult

CHUNK: Final = 128 * 1024
"""Bytes handed to libpq at a time; it may refuse one buffer of many MiB again and again."""


async def copy_after(
    connection: AsyncConnection[Any], statements: str, rows: Callable[[PGresult], bytes]
) -> None:
    """Run one statement that returns rows and, in the same transaction, a COPY FROM STDIN.

    `rows` is given what the first returned, and returns what is to be copied. When this is cancelled, the
    connection is of no more use.

    Raises:
        psycopg.OperationalError: the connection broke; what was to be committed may have been.
        psycopg.Error: the server refused it, and the connection is as before.
    """
    exchange = _Exchange(connection)
    exchange.libpq.send_query(statements.encode())
    results = await exchange.answer()
    if results[-1].status == ExecStatus.COPY_IN:
        data = memoryview(rows(results[0]))
        for start in range(0, len(data), CHUNK):
            while not exchange.libpq.put_copy_data(data[start : start + CHUNK]):
                await exchange.sent()
        exchange.libpq.put_copy_end()
        results += await exchange.answer()
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise exchange.error(result)


class _Exchange:
    """Waits for the socket that libpq speaks over."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.libpq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._results: list[PGresult] = []

    async def sent(self) -> None:
        """Return once the socket has taken what was to be sent."""
        while self.libpq.flush():
            await self._until(self._loop.add_writer, self._loop.remove_writer, lambda: True)

    async def answer(self) -> list[PGresult]:
        """Send what there is to send, and return the server's results until it is our turn again."""
        await self.sent()
        await self._until(self._loop.add_reader, self._loop.remove_reader, self._read)
        results, self._results = self._results, []
        return results

    def error(self, result: PGresult) -> psycopg.Error:
        """Make an exception of a failure; libpq's own, that the connection broke, has no SQLSTATE."""
        error = error_from_result(result)
        return error if error.sqlstate else psycopg.OperationalError(str(error))

    def _read(self) -> bool:
        """Take what has come; tell whether it is our turn."""
        self.libpq.consume_input()
        while not self.libpq.is_busy():
            result = self.libpq.get_result()
            if result is not None:
                self._results.append(result)
            if result is None or result.status == ExecStatus.COPY_IN:
                return True
        return False

    async def _until(
        self, add: Callable[..., None], remove: Callable[[int], bool], done: Callable[[], bool]
    ) -> None:
        """Call `done` whenever the socket is ready, until that is true."""
        waiting = self._loop.create_future()

        def ready() -> None:
            try:
                if done() and not waiting.done():
                    waiting.set_result(None)
            except psycopg.Error as error:
                if not waiting.done():
                    waiting.set_exception(error)

        socket = self.libpq.socket
        add(socket, ready)
        try:
            await waiting
        finally:
            remove(socket)
