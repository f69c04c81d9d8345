"""Thousands of idle connections in one gateway: what each costs; all drop at once; a restart, a kill.

`python -m bench.fleet --containers 5000`: the issue's promises are for that many. The containers live in this
process, on picows; the gateway is a process of its own, on a real database.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import picows
import psutil
import psycopg
from sqlalchemy import text

from app.protocol.states import Protocol
from app.services import containers
from app.services.containers import ContainerValues
from bench.common import line, machine
from bench.pingpong import LARGEST_FRAME, Container
from bench.stage import ACTOR, stage

if TYPE_CHECKING:
    from bench.stage import Stage

PATIENCE: Final = 900.0
FILES_BESIDE: Final = 1000
WINDOW: Final = 1.0
"""Seconds of the first attempts' jitter: `reconnect_delay` of the data model."""
COPIES: Final = (
    """INSERT INTO container (id, name, image, endpoint_url, acp_path, status, labels, owner, credential,
                              supported_protocols, preferred_protocol)
    SELECT gen_random_uuid(), 'idle-' || n, image, endpoint_url || '/' || n, acp_path, status, labels, owner,
           credential, supported_protocols, preferred_protocol
    FROM container, generate_series(1, :last) n WHERE id = :first""",
    """INSERT INTO container_session (id, container_id)
    SELECT gen_random_uuid(), id FROM container WHERE id <> :first""",
    """INSERT INTO acp_connection_configuration (id, container_id, encryption_level)
    SELECT gen_random_uuid(), id, 'none' FROM container WHERE id <> :first""",
    "SELECT pg_notify('console_intents', 'leases free') WHERE :last > 0 OR :first IS NULL",
)
LEFT: Final = "SELECT count(*) FROM acp_connection WHERE status <> 'disconnected'"
CONNECTED: Final = "SELECT count(*) FROM acp_connection WHERE status = 'connected'"


class Crowd:
    """The containers: their open sockets, and when each was dialled, by the monotonic clock."""

    def __init__(self) -> None:
        self.open: set[picows.WSTransport] = set()
        self.dials: list[float] = []

    def container(self, _request: picows.WSUpgradeRequest) -> picows.WSListener:
        self.dials.append(time.monotonic())
        return _Counted(self.open)

    def drop(self) -> None:
        """Cut every socket without a word."""
        for each in list(self.open):
            each.disconnect(graceful=False)


class _Counted(Container):
    def __init__(self, open_sockets: set[picows.WSTransport]) -> None:
        self._open = open_sockets

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._open.add(transport)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._open.discard(transport)


class Lag:
    """How late the gateway's event loop was, from its `/metrics`."""

    def __init__(self, address: str, token: str) -> None:
        where = address.replace("ws://", "http://")
        self._request = urllib.request.Request(  # noqa: S310 - the gateway that we started
            f"{where}/metrics", headers={"Authorization": f"Bearer {token}"}
        )

    def buckets(self) -> dict[float, float]:
        """Return how many samples were at most so late, by seconds."""
        with urllib.request.urlopen(self._request) as answer:  # noqa: S310 - as above
            found = re.findall(r'console_loop_lag_seconds_bucket{le="(.+?)"} (.+)', answer.read().decode())
        return {float(bound): float(samples) for bound, samples in found}

    def told(self, before: dict[float, float], after: dict[float, float]) -> str:
        """Return percentiles between two looks, each as the bound of its bucket."""
        samples = {bound: after[bound] - before[bound] for bound in sorted(after)}
        total = samples[float("inf")]
        parts = {
            percent: next(bound for bound, number in samples.items() if number >= total * percent / 100)
            for percent in (50, 90, 99, 100)
        }
        return f"{total:.0f} samples; " + ", ".join(
            f"p{each} <= {bound:g} s" for each, bound in parts.items()
        )


def register(prepared: Stage, number: int, port: int) -> None:
    """Register one container, and copy it so many times: the service is not what is measured."""
    with prepared.session() as session:
        values = ContainerValues(
            name="idle-0",
            endpoint_url=f"http://127.0.0.1:{port}/0",
            supported_protocols=(Protocol.ACP,),
            preferred_protocol=Protocol.ACP,
        )
        first = containers.register(session, values, ACTOR).id
        for statement in COPIES:
            session.execute(text(statement), {"first": first, "last": number - 1})


async def connected(reader: psycopg.AsyncConnection[Any], number: int) -> float:
    """Wait until so many rows are connected; return the seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await (await reader.execute(CONNECTED)).fetchone()
            if found is not None and found[0] >= number:
                return time.monotonic() - began
            await asyncio.sleep(0.25)


async def main(number: int, seconds: float) -> None:
    files = number + FILES_BESIDE
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (files, max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    )
    crowd = Crowd()
    server = await picows.ws_create_server(
        crowd.container,
        "127.0.0.1",
        0,
        max_frame_size=LARGEST_FRAME,
        read_buffer_init_size=2048,
        backlog=4096,
    )
    with ExitStack() as stack:
        prepared, running = stack.enter_context(stage()), stack.enter_context(ExitStack())
        address = running.enter_context(prepared.gateway())
        lag = Lag(address, prepared.token())
        gateway = process()
        reader = await psycopg.AsyncConnection.connect(prepared.database_url, autocommit=True)
        empty = gateway.memory_info().rss
        began = time.monotonic()
        register(prepared, number, server.sockets[0].getsockname()[1])
        print(f"{number:,} registered in {time.monotonic() - began:.0f} s")
        print(line("first connect", await connected(reader, number), "s until all are connected"))
        await idle(gateway, empty, number, seconds)
        await storm(crowd, reader, number, lag)
        await restart(prepared, running, reader, number)
        await killed(prepared, running, crowd, reader)
        await reader.close()


def process() -> psutil.Process:
    """Return the gateway's process, which is the one that runs."""
    children = psutil.Process().children()
    return next(
        each for each in children if each.status() != psutil.STATUS_ZOMBIE and "gateway" in each.cmdline()
    )


async def idle(gateway: psutil.Process, empty: int, number: int, seconds: float) -> None:
    """Print what idle connections cost, keep-alive on both layers included."""
    await asyncio.sleep(10)  # what connecting has left over is worked off
    before = sum(gateway.cpu_times()[:2])
    await asyncio.sleep(seconds)
    share = (sum(gateway.cpu_times()[:2]) - before) / seconds * 100
    kib = (gateway.memory_info().rss - empty) / 1024 / number
    print(line(f"{number:,} idle connections, memory", kib, "KiB each (60 promised)"))
    print(line(f"{number:,} idle connections, CPU", share, "% of one core (35 promised)"))


async def storm(crowd: Crowd, reader: psycopg.AsyncConnection[Any], number: int, lag: Lag) -> None:
    """Drop all; print how evenly they are dialled again, and when all are back."""
    before = await asyncio.to_thread(lag.buckets)
    crowd.dials.clear()
    began = time.monotonic()
    crowd.drop()
    async with asyncio.timeout(PATIENCE):
        while len(crowd.dials) < number or len(crowd.open) < number:  # noqa: ASYNC110 - sockets come and go
            await asyncio.sleep(0.1)
    await connected(reader, number)
    took = time.monotonic() - began
    per_second = Counter(int(at - began) for at in crowd.dials)
    later = {second: dials for second, dials in per_second.items() if second >= WINDOW}
    after = await asyncio.to_thread(lag.buckets)
    print(f"event loop lag in the storm: {lag.told(before, after)} (p99 <= 0.1 s promised)")
    print(line(f"{number:,} dropped at once", took, "s until all are back (120 promised)"))
    seconds = ", ".join(f"{second}: {dials}" for second, dials in sorted(per_second.items()))
    print(f"dials in each second: {seconds}")
    worst = max(later.values(), default=0) / number * 100
    print(line("dials in the worst second beyond the first window", worst, "% of them (3 promised)"))


async def restart(
    prepared: Stage, running: ExitStack, reader: psycopg.AsyncConnection[Any], number: int
) -> None:
    """Stop the gateway as an operator does, and start it again; print how long each takes."""
    began = time.monotonic()
    await asyncio.to_thread(running.close)
    print(line(f"{number:,} connections, to stop", time.monotonic() - began, "s (10 promised)"))
    left = await (await reader.execute(LEFT)).fetchone()
    print(f"left for the next gateway to clear up: {left[0] if left else 'unknown'}")
    began = time.monotonic()
    await asyncio.to_thread(running.enter_context, prepared.gateway())
    await connected(reader, number)
    print(line(f"{number:,} connections, to start again", time.monotonic() - began, "s until all are back"))


async def killed(
    prepared: Stage, running: ExitStack, crowd: Crowd, reader: psycopg.AsyncConnection[Any]
) -> None:
    """Kill the gateway, and start another at once, which waits until the leases have ended."""
    number = len(crowd.open)
    process().kill()
    await asyncio.to_thread(running.close)
    async with asyncio.timeout(PATIENCE):
        while crowd.open:  # noqa: ASYNC110 - sockets come and go
            await asyncio.sleep(0.1)
    began = time.monotonic()
    await asyncio.to_thread(running.enter_context, prepared.gateway())
    async with asyncio.timeout(PATIENCE):
        while len(crowd.open) < number:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    await connected(reader, number)
    print(line(f"{number:,} connections, killed", time.monotonic() - began, "s until another has them all"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--containers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print(machine())
    asyncio.run(main(options.containers, options.seconds))
