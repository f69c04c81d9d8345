"""An outage of the database under load: what waits, what is dropped, and how long catching up takes.

    python -m bench.outage [SECONDS [MESSAGES_A_SECOND]]

PostgreSQL is stopped for that long (60 s) while an agent goes on telling (2,000 messages a second). Then
every number that the agent sent must be in a record or in the gap that stands in its place. Fails where one
is not, or where what is promised does not hold: bounded memory, catch-up in at most twice the outage.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict
from websockets.asyncio.server import serve

from app.postgres import Server
from app.protocol.states import Protocol
from app.services.containers import ContainerValues
from bench.common import line, machine
from bench.stage import stage

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

MIB: Final = 1024 * 1024
MEMORY_MIB: Final = 400
"""What the gateway may grow by: its queue, its spool's buffers, and what Python keeps of freed memory."""
KINDS: Final = ("usage_update", "tool_call_update", "agent_message_chunk", "agent_message_chunk")
BEAT: Final = 0.05
RECORDS: Final = """
    SELECT rpc_kind, (payload #>> '{params,number}')::bigint, (payload #>> '{gap,count}')::bigint
    FROM acp_message WHERE rpc_kind IN ('notification', 'gap') ORDER BY seq
"""


class Teller:
    """An agent that answers `initialize` and then tells numbered updates at a steady rate."""

    def __init__(self, rate: int) -> None:
        self.sent = 0
        self.spoke = asyncio.Event()
        """Set once it has told for a second."""
        self._rate = rate
        self._batch = round(rate * BEAT)
        self._telling = asyncio.Event()
        self._telling.set()

    async def handle(self, socket: ServerConnection) -> None:
        telling = asyncio.create_task(self._tell(socket))
        async for data in socket:
            asked = json.loads(data)
            if "id" in asked and "method" in asked:
                result = {"protocolVersion": 1} if asked["method"] == "initialize" else {}
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
        telling.cancel()

    def hush(self) -> None:
        """Tell no more."""
        self._telling.clear()

    async def _tell(self, socket: ServerConnection) -> None:
        due = time.monotonic()
        while True:
            await self._telling.wait()
            for _ in range(self._batch):
                await socket.send(update(self.sent))
                self.sent += 1
            if self.sent >= self._rate:
                self.spoke.set()
            due += BEAT
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def update(number: int) -> str:
    told = {"sessionUpdate": KINDS[number % len(KINDS)], "content": {"type": "text", "text": "word " * 30}}
    params = {"sessionId": "s", "number": number, "update": told}
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params})


class Peaks(NamedTuple):
    """The most that was seen of each, in bytes."""

    grown: int
    spooled: int


def bytes_in(spool: Path) -> int:
    """Return how much is spooled; a file may go while it is looked at."""
    sizes = 0
    for each in spool.glob("*/0*"):
        with suppress(FileNotFoundError):
            sizes += each.stat().st_size
    return sizes


async def watch(until: float, spool: Path) -> Peaks:
    """Watch the gateway's memory and its spool until a moment of the monotonic clock."""
    (process,) = (each for each in psutil.Process().children() if "gateway" in each.cmdline())
    base, grown, spooled = process.memory_info().rss, 0, 0
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        grown = max(grown, process.memory_info().rss - base)
        spooled = max(spooled, bytes_in(spool))
    return Peaks(grown, spooled)


async def caught_up(url: str, spool: Path, sent: int) -> None:
    """Return once the last number that was sent is in a record or a gap, and nothing is spooled."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as reader:
        while True:
            if not bytes_in(spool) and await told(reader) >= sent:
                return
            await asyncio.sleep(0.5)


async def told(reader: psycopg.AsyncConnection[Any]) -> int:
    """Return how many messages are in records and gaps."""
    cursor = await reader.execute(
        "SELECT coalesce(sum(coalesce((payload #>> '{gap,count}')::bigint, 1)), 0)"
        " FROM acp_message WHERE rpc_kind IN ('notification', 'gap')"
    )
    return int((await cursor.fetchone() or (0,))[0])


def audit(url: str) -> tuple[int, int]:
    """Hold the records against the numbers; return how many are stored and how many said to be missing."""
    stored = missing = 0
    with psycopg.connect(url) as connection:
        for kind, number, count in connection.execute(RECORDS):
            if kind == "gap":
                missing += count
            elif number == stored + missing:
                stored += 1
            else:
                raise RuntimeError(f"{number} was stored where {stored + missing} was due")
    return stored, missing


async def run(seconds: float, rate: int) -> None:
    spool = Path(os.environ["CONSOLE_SPOOL_DIR"])
    teller = Teller(rate)
    async with serve(teller.handle, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with stage() as prepared:
            values = ContainerValues(
                name="teller",
                endpoint_url=f"http://127.0.0.1:{port}",
                supported_protocols=(Protocol.ACP,),
                preferred_protocol=Protocol.ACP,
            )
            prepared.register(values)
            database = Server(Path(str(conninfo_to_dict(prepared.database_url)["host"])))
            with prepared.gateway():
                await teller.spoke.wait()
                await asyncio.to_thread(database.stop)
                peaks = await watch(time.monotonic() + seconds, spool)
                await asyncio.to_thread(database.start)
                back = time.monotonic()
                teller.hush()
                async with asyncio.timeout(2 * seconds + 30):
                    await caught_up(prepared.database_url, spool, teller.sent)
                took = time.monotonic() - back
                stored, missing = audit(prepared.database_url)
    print(line("the gateway grew by", peaks.grown / MIB, "MiB"))
    print(line("spooled", peaks.spooled / MIB, "MiB"))
    print(line("caught up after", took, "s"))
    if stored + missing != teller.sent or took > 2 * seconds or peaks.grown > MEMORY_MIB * MIB:
        raise RuntimeError(f"{stored} stored and {missing} missing of {teller.sent} after {took:.0f} s")
    print(
        f"{teller.sent:,} sent, {stored:,} stored, {missing:,} in gaps; grew by {peaks.grown / MIB:.0f} MiB,"
        f" spooled {peaks.spooled / MIB:.0f} MiB, caught up in {took:.1f} s"
    )


if __name__ == "__main__":
    print(machine())
    arguments = sys.argv[1:] + ["60", "2000"][len(sys.argv) - 1 :]
    with tempfile.TemporaryDirectory(prefix="console-spool-") as folder:
        os.environ["CONSOLE_SPOOL_DIR"] = folder
        asyncio.run(run(float(arguments[0]), int(arguments[1])))
