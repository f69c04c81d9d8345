"""Callers ask all the while their container migrates there and back: what fails, and how long they wait."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import psycopg

from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.server import serve
from app.protocol.states import Protocol
from app.protocol.strategies import PINGS_ONLY, Plan
from app.queries import containers
from app.services import protocol_migrations
from app.services.containers import ContainerValues
from bench.asking import over_acp
from bench.common import line, machine
from bench.stage import ACTOR, stage

if TYPE_CHECKING:
    import uuid

    from bench.asking import OverAcp
    from bench.stage import Stage

NAME: Final = "http-first"
GRACEFUL: Final = Plan(verification=PINGS_ONLY)
ENDED: Final = "SELECT success, error_message FROM protocol_migration WHERE id = %s"
SESSION: Final = {"cwd": "/", "mcpServers": []}


@dataclass(slots=True)
class Asking:
    """One caller: the seconds of each of its requests, those that failed, and how often each was answered."""

    way: OverAcp
    took: list[float] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    async def go_on(self, stop: asyncio.Event) -> None:
        """Ask, one request after the other, until told to stop: each is about the caller's one session."""
        made = await self._ask(999, "session/new", SESSION)
        mine = {"sessionId": made["result"]["sessionId"], **SESSION}
        for number in itertools.count(1_000):
            if stop.is_set():
                return
            asked = time.perf_counter()
            answer = await self._ask(number, "session/load", mine)
            self.took.append(time.perf_counter() - asked)
            if "result" not in answer:
                self.failed.append(answer)

    async def _ask(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await self.way.socket.send(json.dumps(request))
        return await self._answer(number)

    async def _answer(self, number: int) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(await self.way.socket.recv())
            if "method" not in frame:
                self.answers[frame["id"]] += 1
                if frame["id"] == number:
                    return frame


def migrate(on: Stage, to: Protocol) -> uuid.UUID:
    with on.session() as session:
        container = containers.get(session, NAME)
        return protocol_migrations.request(
            session, container, to, reason="bench", actor=ACTOR, plan=GRACEFUL
        ).id


async def migrated(on: Stage, to: Protocol) -> None:
    """Migrate and wait for the end; raise RuntimeError where it does not succeed."""
    migration = await asyncio.to_thread(migrate, on, to)
    async with await psycopg.AsyncConnection.connect(on.database_url, autocommit=True) as reader:
        while True:
            ended = await (await reader.execute(ENDED, (migration,))).fetchone()
            if ended is not None and ended[0] is not None:
                break
            await asyncio.sleep(0.01)
    if not ended[0]:
        raise RuntimeError(f"the migration to {to} did not succeed: {ended[1]}")


async def measure(on: Stage, rounds: int, callers: int) -> None:
    async with serve(Bind("127.0.0.1", 0), [replace(FLEET[NAME], ticks_every=None)]) as url:
        on.register(
            ContainerValues(name=NAME, endpoint_url=f"{url}/{NAME}", supported_protocols=tuple(Protocol))
        )
        token = on.token()
        with on.gateway() as gateway:
            found = [Asking(await over_acp(f"{gateway}/acp/{NAME}", token)) for _ in range(callers)]
            stop = asyncio.Event()
            tasks = [asyncio.create_task(each.go_on(stop)) for each in found]
            pauses = [
                await pause(on, to, found) for _ in range(rounds) for to in (Protocol.ACP, Protocol.HTTP)
            ]
            stop.set()
            await asyncio.gather(*tasks)
    tell(found, pauses)


async def pause(on: Stage, to: Protocol, found: list[Asking]) -> float:
    """Migrate once; return the longest that a request took meanwhile, in seconds."""
    before = [len(each.took) for each in found]
    await migrated(on, to)
    await asyncio.sleep(0.05)  # those that waited are answered
    return max(max(each.took[begun:], default=0.0) for each, begun in zip(found, before, strict=True))


def tell(found: list[Asking], pauses: list[float]) -> None:
    failed = [answer for each in found for answer in each.failed]
    twice = sum(times > 1 for each in found for times in each.answers.values())
    print(line("migrations", len(pauses), "there and back"))
    print(line("requests", sum(len(each.took) for each in found), "answered"))
    print(line("failed", len(failed), "requests"))
    print(line("answered twice", twice, "requests"))
    print(line("longest pause", max(pauses) * 1000, "ms"))
    print(line("median pause", statistics.median(pauses) * 1000, "ms"))
    if failed or twice:
        raise SystemExit(f"something failed or was answered twice: {failed[:1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="there and back, each is two migrations")
    parser.add_argument("--callers", type=int, default=4)
    chosen = parser.parse_args()
    print(machine())
    with stage() as on:
        asyncio.run(measure(on, chosen.rounds, chosen.callers))


if __name__ == "__main__":
    main()
