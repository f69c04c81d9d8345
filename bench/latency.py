"""How much less latency the same operation has over ACP than over HTTP, both with TLS and both verified.

    python -m bench.latency [--runs 5] [--requests 50]

| operation | over HTTP, a new connection for each request | over ACP, on the socket that is open |
|---|---|---|
| health ping | `GET /health` | request `_console/ping` |
| status check | `POST /acp` with `session/load` of an idle session | the same request |
| command | `POST /acp` with `session/new` | the same request |

The container is one of the demo fleet, in a process of its own, with a certificate made for the run. HTTP is
asked directly, as LumiLink-BE does today. ACP is asked directly, which is what the gateway itself waits for
when it pings, and through the gateway, which is what a caller waits for: without TLS from the caller to the
gateway, with it (encryption level standard) from there to the container, and every frame committed before it
is delivered.

HTTP is measured twice: with a new connection each but the authorities parsed before, the least it can take;
and with a new client each (`httpx.get`, `async with AsyncClient()`), which reads the authorities too. On a
loopback a round trip takes no time, so what counts is the work; over a network HTTP pays three round trips,
and ACP one.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import trustme

from app.protocol.states import Protocol
from app.services.containers import ContainerValues
from bench.asking import PING, OverHttp, over_acp
from bench.common import RUNS, Limit, line, machine, percentile
from bench.container import NAME
from bench.stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.asking import Way

COMMAND: Final = "session/new"
SESSION: Final[dict[str, Any]] = {"cwd": "/tmp", "mcpServers": []}  # noqa: S108 - a name, never opened
PROMISED: Final = {"health ping": 94, "status check": 89, "command": 79}
"""Percent less latency over ACP, by operation (issue 3)."""
CONNECTION: Final = "HTTP, a new connection each"
CLIENT: Final = "HTTP, a new client each"


async def main(runs: int, requests: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trust, authority, certificate = certificates(folder)
        endpoint = stack.enter_context(container(certificate))
        prepared = stack.enter_context(stage())
        prepared.register(
            ContainerValues(
                name=NAME,
                endpoint_url=endpoint,
                supported_protocols=tuple(Protocol),
                preferred_protocol=Protocol.ACP,
            )
        )
        token = prepared.token()
        gateway = stack.enter_context(prepared.gateway(CONSOLE_TLS_CA_FILE=str(authority)))
        ways = {
            CONNECTION: OverHttp(endpoint, lambda: trust),
            CLIENT: OverHttp(endpoint, lambda: read_anew(authority)),
            "ACP, directly": await over_acp(f"wss{endpoint.removeprefix('https')}/acp", trust=trust),
            "ACP, through the gateway": await over_acp(f"{gateway}/acp/{NAME}", token),
        }
        taken: dict[str, dict[str, list[float]]] = {each: {way: [] for way in ways} for each in PROMISED}
        for _ in range(runs):
            for name, way in ways.items():  # in turns, so that a busy moment of the machine meets them all
                for operation, times in (await measure(way, requests)).items():
                    taken[operation][name].append(percentile(times, 50))
    for operation, medians in taken.items():
        report(operation, {name: statistics.median(times) for name, times in medians.items()})


def certificates(folder: Path) -> tuple[ssl.SSLContext, Path, Path]:
    """Make an authority; return a client's trust in it, its file, and a server's file with key and chain."""
    authority = trustme.CA()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return trust, folder / "authority.pem", folder / "server.pem"


def read_anew(authority: Path) -> ssl.SSLContext:
    """Do what httpx and requests do for each client by default: read all authorities that are trusted."""
    trust = httpx.create_ssl_context(trust_env=False)
    trust.load_verify_locations(authority)
    return trust


@contextmanager
def container(certificate: Path) -> Iterator[str]:
    """Run the container; yield its URL."""
    command = [sys.executable, "-m", "bench.container", certificate]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield next(iter(process.stdout or ())).strip()
        finally:
            process.terminate()


async def measure(way: Way, requests: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request, by operation, one after the other; some warm up before."""
    session = (await way.ask(COMMAND, SESSION))["result"]
    known = {**SESSION, **session}
    asked = {
        "health ping": (PING, {}),
        "status check": ("session/load", known),
        "command": (COMMAND, SESSION),
    }
    times: dict[str, list[float]] = {operation: [] for operation in asked}
    for operation, (method, params) in asked.items():
        for number in range(-(requests // 10), requests):
            began = time.perf_counter()
            answer = await way.ask(method, params)
            if number >= 0:
                times[operation].append((time.perf_counter() - began) * 1000)
            if "error" in answer and method != PING:  # which ACP agents do not know, and answer all the same
                raise RuntimeError(f"{method}: {answer['error']}")
    return times


def report(operation: str, medians: dict[str, float]) -> None:
    """Print the medians of an operation over ACP against the one over HTTP, and what was promised."""
    limits = [Limit(name, medians.pop(name)) for name in (CONNECTION, CLIENT)]
    for name, median in medians.items():
        for limit in limits:
            less = (1 - median / limit.value) * 100
            result = line(f"{operation} over {name}", median, "ms", limit)
            print(f"{result}: {less:.1f} % less, promised {PROMISED[operation]} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--requests", type=int, default=50)
    options = parser.parse_args()
    print(machine())
    asyncio.run(main(options.runs, options.requests))
