"""Messages a second from a container's socket to a committed row, against bare COPY BINARY."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from websockets.asyncio.server import serve

from app.gateway.batch import COPY
from app.gateway.recorder import BATCH_ROWS
from app.gateway.rows import COLUMNS, Book
from app.models import new_id
from app.protocol.mux import Multiplexer
from app.protocol.states import Protocol
from app.services.containers import ContainerValues
from bench.common import RUNS, Limit, line, machine, median_of_runs
from bench.stage import stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.asyncio.server import ServerConnection

    from bench.stage import Stage

MESSAGES: Final = 20_000
FRAMES: Final = Path("tests/frames/opencode-1.18.33.jsonl")
PATIENCE: Final = 60.0


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
    """Return the median rate of COPY BINARY of the same rows, made beforehand, in batches as large."""
    with psycopg.connect(prepared.database_url, autocommit=True) as connection:
        found = connection.execute("SELECT id FROM acp_connection LIMIT 1").fetchone()
        if found is None:
            raise RuntimeError("no connection was made")

        def measure() -> float:
            rows = rows_of(texts, Book(found[0], 0))
            began = time.perf_counter()
            for start in range(0, len(rows), BATCH_ROWS):
                with connection.transaction(), connection.cursor().copy(COPY) as copy:
                    copy.set_types(list(COLUMNS.values()))
                    for row in rows[start : start + BATCH_ROWS]:
                        copy.write_row(row)
            return len(rows) / (time.perf_counter() - began)

        return median_of_runs(measure)


def rows_of(texts: Sequence[str], book: Book) -> list[tuple[Any, ...]]:
    """Return the rows of frames, new ids and all."""
    mux = Multiplexer(clock=time.monotonic, new_id=new_id)
    return [book.row(message) for text in texts for message in mux.from_container(text)]


def making_rows(texts: Sequence[str]) -> float:
    """Return how many frames a second are parsed, classified, redacted and made rows, without a database."""
    book = Book(new_id(), 0)

    def measure() -> float:
        began = time.perf_counter()
        rows_of(texts, book)
        return len(texts) / (time.perf_counter() - began)

    return median_of_runs(measure)


def main() -> None:
    texts = frames()
    with stage() as prepared:
        recorded = asyncio.run(through_gateway(prepared, texts))
        bare = bare_copy(prepared, texts)
    print(line("recorder, socket to committed row", recorded, "messages/s", Limit("bare COPY BINARY", bare)))
    print(line("making rows alone", making_rows(texts), "messages/s", Limit("bare COPY BINARY", bare)))


if __name__ == "__main__":
    print(machine())
    main()
