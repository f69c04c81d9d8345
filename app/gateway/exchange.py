"""A statement and a COPY in one transaction and two round trips, none of them for BEGIN or COMMIT.

psycopg begins a transaction, prepares and waits for each statement by itself: five round trips, which is most
of what a batch of few rows costs. So this speaks to libpq itself (`psycopg.pq`), over a connection of
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


class Copier:
    """Exchanges over one connection, one at a time.

    It goes on when the event loop says that the server has answered, and when somebody calls `look`: between
    its two round trips the server waits for the rows, and the loop may be busy with a hundred sockets then.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        self._libpq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] | None = None
        self._rows: Callable[[PGresult], bytes]
        self._results: list[PGresult] = []
        self._unsent = memoryview(b"")

    async def copy_after(self, statements: str, rows: Callable[[PGresult], bytes]) -> None:
        """Run one statement that returns rows and, in the same transaction, a COPY FROM STDIN.

        `rows` is given what the first returned, and returns what is to be copied. When this is cancelled, the
        connection is of no more use.

        Raises:
            psycopg.OperationalError: the connection broke; what was to be committed may have been.
            psycopg.Error: the server refused it, and the connection is as before.
        """
        self._rows, self._results = rows, []
        self._libpq.send_query(statements.encode())
        self._done = self._loop.create_future()
        socket = self._libpq.socket
        self._loop.add_reader(socket, self.look)
        try:
            self._flush()
            await self._done
        finally:
            self._done, self._unsent = None, memoryview(b"")
            self._loop.remove_reader(socket)
            self._loop.remove_writer(socket)
        for result in self._results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise _error(result)

    def look(self) -> None:
        """Take what the server has answered, if anything has come, and go on."""
        self._go(self._take)

    def _writable(self) -> None:
        self._loop.remove_writer(self._libpq.socket)
        self._go(self._send if self._unsent else self._flush)

    def _go(self, step: Callable[[], None]) -> None:
        """Take a step of the exchange that is under way; its errors are raised where that was asked for."""
        if self._done is None or self._done.done():
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - see above
            self._done.set_exception(error)

    def _take(self) -> None:
        self._libpq.consume_input()
        while self._done is not None and not self._unsent and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None:
                self._done.set_result(None)
                return
            self._results.append(result)
            if result.status == ExecStatus.COPY_IN:
                self._unsent = memoryview(self._rows(self._results[0]))
                self._send()

    def _send(self) -> None:
        """Hand the rows to libpq, as far as the socket takes them."""
        while self._unsent:
            if self._libpq.put_copy_data(self._unsent[:CHUNK]):
                self._unsent = self._unsent[CHUNK:]
            elif self._libpq.flush():
                self._loop.add_writer(self._libpq.socket, self._writable)
                return
        self._libpq.put_copy_end()
        self._flush()

    def _flush(self) -> None:
        """Have what libpq holds back sent."""
        if self._libpq.flush():
            self._loop.add_writer(self._libpq.socket, self._writable)


def _error(result: PGresult) -> psycopg.Error:
    """Make an exception of a failure; libpq's own, that the connection broke, has no SQLSTATE."""
    error = error_from_result(result)
    return error if error.sqlstate else psycopg.OperationalError(str(error))
