"""The least that recording before delivery takes: a relay on picows that has each frame copied first.

`python -m bench.least 9000 <database URL>` relays any path to the same path at port 9000 of this machine,
and prints the port it listens on. It reads no frame, redacts nothing, pairs nothing, takes no number and asks
for no lease: a row of the frame's size is committed, in batches as the recorder's, and then the frame passed
on. This is how far the same cores, table and indexes go if all that a gateway does besides costs nothing.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ExecStatus

from app.gateway.batch import COPY, SIGNATURE, TRAILER, Lease
from app.gateway.rows import Book, numbered
from app.models import new_id
from app.protocol.frames import parse
from app.protocol.message import Message
from app.protocol.rpc import RpcKind
from app.protocol.states import Direction, MessageType
from bench.pingpong import ANSWER, TEXT
from bench.relays import on_picows

if TYPE_CHECKING:
    import uuid

    import picows

LOOK_EVERY: Final = 8
"""Frames passed on, as the recorder does between two looks at the database."""


class Rows:
    """Makes rows of one connection: the same again and again, but for its id and number."""

    def __init__(self, connection_id: uuid.UUID) -> None:
        said = parse(f'{{"jsonrpc":"2.0","method":"session/update","params":{ANSWER.decode()}}}')
        one = Message(
            id=new_id(),
            direction=Direction.INBOUND,
            message_type=MessageType.MESSAGE,
            rpc_kind=RpcKind.NOTIFICATION,
            frame=said,
            method=said.method,
        )
        row = Book(Lease(new_id(), 1), connection_id).row(one)
        self._before, self._after = row.split(one.id.bytes)
        self._numbers = count(1)

    def next(self) -> bytes:
        """Return a row as COPY takes it."""
        row = b"".join((self._before, new_id().bytes, self._after))
        return b"".join(numbered(row, next(self._numbers)))


class Copies:
    """Commits what has gathered, in one COPY after the other, and passes it on."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._libpq = connection.pgconn
        self._gathered: list[tuple[bytes, picows.WSTransport, bytes]] = []
        self._committing: list[tuple[bytes, picows.WSTransport, bytes]] = []
        asyncio.get_running_loop().add_reader(self._libpq.socket, self._look)

    def carry(self, rows: Rows, to: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Commit a row, and then pass a frame on."""
        self._gathered.append((rows.next(), to, frame.get_payload_as_bytes()))
        if not self._committing:
            self._begin()

    def _begin(self) -> None:
        self._committing, self._gathered = self._gathered, []
        self._libpq.send_query(COPY.encode())
        self._libpq.flush()

    def _look(self) -> None:
        self._libpq.consume_input()
        while self._committing and not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None:
                self._pass_on()
            elif result.status == ExecStatus.COPY_IN:
                rows = [row for row, _, _ in self._committing]
                self._libpq.put_copy_data(b"".join((SIGNATURE, *rows, TRAILER)))
                self._libpq.put_copy_end()
                self._libpq.flush()
            elif result.status == ExecStatus.FATAL_ERROR:
                raise SystemExit(result.get_error_message())

    def _pass_on(self) -> None:
        committed, self._committing = self._committing, []
        if self._gathered:
            self._begin()
        for number, (_, to, text) in enumerate(committed, 1):
            to.send(TEXT, text)
            if number % LOOK_EVERY == 0:
                self._look()


async def main(port: str, url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute("SELECT id FROM acp_connection ORDER BY id")
        copies = Copies(connection)
        carriers = [partial(copies.carry, Rows(row[0])) for row in await found.fetchall()]
        print(await on_picows(int(port), cycle(carriers)), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
