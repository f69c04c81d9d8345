"""Records a second from raw frames, and from a container's socket, to committed, against bare COPY BINARY."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import psycopg
from psycopg.types.json import Jsonb
from websockets.asyncio.server import serve

from app.config_values import MEBIBYTE
from app.gateway.backlog import BATCH_ROWS, Backlog, Limits
from app.gateway.batch import COPY, Lease
from app.gateway.channel import Channel
from app.gateway.database import Database
from app.gateway.memory import spare_the_bulk
from app.gateway.metrics import Metrics
from app.gateway.recorder import Recorder
from app.gateway.rows import COLUMNS, Book
from app.gateway.tenure import Tenure, clock
from app.models import new_id
from app.protocol.states import Protocol
from app.queries import connections
from app.services import leases
from app.services.connections import begin_sequences
from app.services.containers import ContainerValues
from app.services.leases import Member
from bench.common import RUNS, Limit, line, machine, median_of_runs
from bench.stage import stage

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session
    from websockets.asyncio.server import ServerConnection

    from app.gateway.batch import Entry
    from bench.stage import Stage

MESSAGES: Final = 20_000
FRAMES: Final = Path("tests/frames/opencode-1.18.33.jsonl")
PATIENCE: Final = 60.0
LIMITS: Final = Limits(64 * MEBIBYTE, MEBIBYTE, Path("/nonexistent"))
PAYLOAD: Final = COLUMNS.index("payload")


def frames() -> list[str]:
    """Return what a real agent said in a conversation, over and over: notifications, which ask nothing."""
    recorded = [json.loads(each) for each in FRAMES.read_text().splitlines()]
    said = [
        each["text"] for each in recorded if each["dir"] == "inbound" and '"session/update"' in each["text"]
    ]
    return [said[index % len(said)] for index in range(MESSAGES)]


class Firehose:
    """A container that answers `initialize` and then waits to send everything at once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.fire = asyncio.Event()

    async def handle(self, socket: ServerConnection) -> None:
        shooting = asyncio.create_task(self._shoot(socket))
        async for data in socket:
            asked = json.loads(data)
            if "id" in asked and "method" in asked:
                result = {"protocolVersion": 1} if asked["method"] == "initialize" else {}
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
        shooting.cancel()

    async def _shoot(self, socket: ServerConnection) -> None:
        while True:
            await self.fire.wait()
            self.fire.clear()
            for text in self._texts:
                await socket.send(text)


async def through_gateway(prepared: Stage, texts: Sequence[str]) -> float:
    """Return the median rate, from the order to send until the last row is committed."""
    firehose = Firehose(texts)
    async with serve(firehose.handle, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        values = ContainerValues(
            name="firehose",
            endpoint_url=f"http://127.0.0.1:{port}",
            supported_protocols=(Protocol.ACP,),
            preferred_protocol=Protocol.ACP,
        )
        prepared.register(values)
        with prepared.gateway():
            async with await psycopg.AsyncConnection.connect(
                prepared.database_url, autocommit=True
            ) as reader:
                await _rows(reader, at_least=3)  # the handshake is through
                return statistics.median([await _run(firehose, reader) for _ in range(RUNS + 1)][1:])


async def _run(firehose: Firehose, reader: psycopg.AsyncConnection[Any]) -> float:
    before = await _rows(reader)
    began = time.perf_counter()
    firehose.fire.set()
    after = await _rows(reader, at_least=before + MESSAGES)
    return (after - before) / (time.perf_counter() - began)


async def _rows(reader: psycopg.AsyncConnection[Any], at_least: int = 0) -> int:
    """Return the number of the last committed row, once it is high enough."""
    async with asyncio.timeout(PATIENCE):
        while True:
            cursor = await reader.execute("SELECT seq FROM acp_message ORDER BY id DESC LIMIT 1")
            found = await cursor.fetchone()
            if found and found[0] >= at_least:
                return int(found[0])
            await asyncio.sleep(0.005)


def bare_copy(prepared: Stage, texts: Sequence[str]) -> float:
    """Return the median rate of COPY BINARY of the same rows, made beforehand, in batches as large.

    As a plain client would write it: psycopg encodes tuples. They are read back from what the gateway has
    stored, with new ids.
    """
    names = ", ".join(COLUMNS)
    with psycopg.connect(prepared.database_url, autocommit=True) as connection:
        found = connection.execute(
            f"SELECT {names} FROM acp_message ORDER BY id DESC LIMIT %s",  # noqa: S608 - our own columns
            [len(texts)],
        )
        stored = [[*row[:1], None, *row[2:]] for row in found.fetchall()]
        types = [column.type_code for column in found.description or ()]
        for row in stored:
            row[PAYLOAD] = Jsonb(msgspec.json.encode(row[PAYLOAD]), dumps=bytes)

        def measure() -> float:
            rows = [(seq, new_id(), *rest) for seq, _, *rest in stored]
            began = time.perf_counter()
            for start in range(0, len(rows), BATCH_ROWS):
                with connection.transaction(), connection.cursor().copy(COPY) as copy:
                    copy.set_types(types)
                    for row in rows[start : start + BATCH_ROWS]:
                        copy.write_row(row)
            return len(rows) / (time.perf_counter() - began)

        return median_of_runs(measure)


class Sink:
    """A recorder that keeps nothing."""

    def __init__(self) -> None:
        self.backlog = Backlog(LIMITS)

    def append(self, entry: Entry) -> None:
        """Take a record."""


async def from_frames(prepared: Stage, texts: Sequence[str]) -> float:
    """Return the median rate from raw frames to committed records: channel and recorder, without sockets."""
    database = Database(prepared.database_url)
    gateway, tenure = Member(lease_seconds=3600), Tenure(3600)
    held = (await database.run(partial(leases.renew, member=gateway))).held
    tenure.renewed(clock(), held)
    recorder = Recorder(
        database, gateway.id, Metrics(), tenure, LIMITS, committed=lambda _: None, stale=_stale
    )
    lease = Lease(*next(iter(held.items())))
    ledger_row = await database.run(lambda session: _connection(session, lease.container_id))
    channel = Channel(lease, recorder, Metrics(), tenure, lambda _: None)
    book = Book(lease, ledger_row)
    working = asyncio.create_task(recorder.run())

    async def run() -> float:
        began = time.perf_counter()
        for number, text in enumerate(texts):
            if not channel.has_room:
                await channel.room()
            channel.record(channel.mux.from_container(text), book=book)
            if number % 100 == 0:  # a socket's reader lets others work as often
                await asyncio.sleep(0)
        await recorder.flush()
        return len(texts) / (time.perf_counter() - began)

    try:
        return statistics.median([await run() for _ in range(RUNS + 1)][1:])
    finally:
        working.cancel()
        await asyncio.wait({working})
        database.close()


def _connection(session: Session, container_id: uuid.UUID) -> uuid.UUID:
    connection = connections.latest(session, container_id, Protocol.ACP)
    if connection is None:
        raise RuntimeError("no connection was made")
    begin_sequences(session, [connection.id])
    return connection.id


def _stale(lease: Lease) -> None:
    raise RuntimeError(f"the lease of {lease.container_id} was lost")


def making_rows(texts: Sequence[str]) -> float:
    """Return how many frames a second are parsed, classified, redacted and made rows, without a database."""
    lease = Lease(new_id(), 1)
    channel = Channel(lease, cast("Recorder", Sink()), Metrics(), Tenure(60), lambda _: None)
    channel.book = Book(lease, new_id())

    def measure() -> float:
        began = time.perf_counter()
        for text in texts:
            channel.record(channel.mux.from_container(text))
        return len(texts) / (time.perf_counter() - began)

    return median_of_runs(measure)


def main() -> None:
    spare_the_bulk()  # as the gateway's process does
    texts = frames()
    with stage() as prepared:
        socket = asyncio.run(through_gateway(prepared, texts))
        recorded = asyncio.run(from_frames(prepared, texts))
        bare = Limit("bare COPY BINARY", bare_copy(prepared, texts))
    print(line("recorder, raw frames to committed records", recorded, "records/s", bare))
    print(line("socket to committed record", socket, "records/s", bare))
    print(line("making rows alone", making_rows(texts), "records/s", bare))


if __name__ == "__main__":
    print(machine())
    main()
