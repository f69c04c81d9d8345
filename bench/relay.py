"""Round trips, socket to committed record to the other socket, against relays that record nothing.

And against one that does nothing but record (bench/least.py): no gateway on these cores can have more.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import picows
import psutil

from app.protocol.states import Protocol
from app.services import connections
from app.services import containers as services
from app.services.containers import ContainerValues
from bench.common import RUNS, Limit, line, machine, percentile
from bench.mitm import installed, mitmproxy
from bench.pingpong import Peers, containers
from bench.relays import RELAYS
from bench.stage import ACTOR, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS: Final = 50
NAMES: Final = [f"bench-{number}" for number in range(CONNECTIONS)]
PATIENCE: Final = 60.0
GATEWAY: Final = "gateway"
LEAST: Final = "relay that only copies"
VERSION: Final = "1.0.0"
WARM_UP: Final = 0.5
"""Seconds of the run before the ones that count."""


@dataclass(slots=True)
class Contender:
    """What stands in the middle, and what was measured of it: a list a run."""

    peers: Peers
    process: psutil.Process
    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    async def run(self, number: int, seconds: float) -> None:
        """Play with so many connections; keep round trips a second, milliseconds each, and µs of CPU each."""
        before = sum(self.process.cpu_times()[:2])
        times = await Peers(self.peers.callers[:number]).measure(seconds)
        self.costs.append((sum(self.process.cpu_times()[:2]) - before) / len(times) * 1e6)
        self.rates.append(len(times) / seconds)
        self.medians.append(percentile(times, 50) * 1000)


def container(name: str, port: int) -> ContainerValues:
    """Return what a container is registered with."""
    return ContainerValues(
        name=name,
        endpoint_url=f"http://127.0.0.1:{port}/{name}",
        supported_protocols=(Protocol.ACP,),
        preferred_protocol=Protocol.ACP,
    )


@contextmanager
def relay(*command: str) -> Iterator[tuple[str, int]]:
    """Run a module that relays, with its arguments; yield its URL and its process id."""
    with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"ws://127.0.0.1:{next(iter(process.stdout or ())).strip()}", process.pid
        finally:
            process.terminate()


@contextmanager
def least(port: int) -> Iterator[tuple[str, int]]:
    """Run the relay that only copies, on a database of its own with as many connections as containers."""
    with stage() as prepared:
        with prepared.session() as session:
            for name in NAMES:
                registered = services.register(session, container(name, port), ACTOR)
                connections.open_row(session, registered.id, Protocol.ACP, VERSION)
        with relay("bench.least", str(port), prepared.database_url) as running:
            yield running


@contextmanager
def gateway(port: int) -> Iterator[tuple[str, int, str]]:
    """Run the gateway with all containers connected; yield its URL, its process id, and a caller's token."""
    with stage() as prepared:
        for name in NAMES:
            prepared.register(container(name, port))
        token = prepared.token()
        with prepared.gateway() as address:
            process = next(each for each in psutil.Process().children() if "gateway" in each.cmdline())
            yield address, process.pid, token


async def all_connected(url: str, token: str) -> Peers:
    """Connect to the gateway as soon as it has dialled every container."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await Peers.connect([f"{url}/acp/{name}" for name in NAMES], token)
            except picows.WSInvalidStatusError:  # 503: it has not been dialled yet
                await asyncio.sleep(0.2)


async def main(seconds: float, runs: int) -> None:
    with ExitStack() as stack:
        server = await containers()
        port = server.sockets[0].getsockname()[1]
        middles = {
            f"relay on {name}": stack.enter_context(relay("bench.relays", name, str(port))) for name in RELAYS
        }
        middles[LEAST] = stack.enter_context(least(port))
        if command := installed():
            middles["mitmproxy"] = stack.enter_context(mitmproxy(command, port))
        middles["nothing"] = f"ws://127.0.0.1:{port}", psutil.Process().pid
        urls = {name: [f"{url}/{each}/acp" for each in NAMES] for name, (url, _) in middles.items()}
        contenders = {
            name: Contender(await Peers.connect(urls[name]), psutil.Process(pid))
            for name, (_, pid) in middles.items()
        }
        url, pid, token = stack.enter_context(gateway(port))
        contenders[GATEWAY] = Contender(await all_connected(url, token), psutil.Process(pid))
        for number in (CONNECTIONS, 1):
            for each in contenders.values():
                each.rates, each.medians, each.costs = [], [], []
                await Peers(each.peers.callers[:number]).measure(WARM_UP)
            for _ in range(runs):  # in turns, so that a busy moment of the machine meets them all
                for each in contenders.values():
                    await each.run(number, seconds)
            report(number, contenders)


def report(number: int, contenders: dict[str, Contender]) -> None:
    """Print what was measured with so many connections, and how the gateway stands against each."""
    ours = contenders[GATEWAY]
    for name, each in contenders.items():
        cost = f"{statistics.median(each.costs):.0f} µs of CPU each"
        rate = line(f"{name}, {number} in ping-pong", statistics.median(each.rates), "round trips/s")
        print(f"{rate}, median {statistics.median(each.medians):.2f} ms, {cost}")
    for name in ("relay on websockets", "mitmproxy", LEAST):
        if name not in contenders:
            continue
        limit = Limit(name, statistics.median(contenders[name].rates))
        print(
            line(f"end to end, {number} in ping-pong", statistics.median(ours.rates), "round trips/s", limit)
        )
        above = statistics.median(ours.medians) - statistics.median(contenders[name].medians)
        print(line(f"end to end, {number} in ping-pong, median above {name}", above, "ms"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    print(machine())
    asyncio.run(main(options.seconds, options.runs))
