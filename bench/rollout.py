"""A rollout over thousands of simulated containers: migrations a second, and how soon its page shows each.

`python -m bench.rollout --containers 2000`: the issue's promise is for that many. The containers live in this
process; gateway and web are processes of their own. Of every container that completes, the time from its
protocol migration's end, by the database's clock, to the first frame at a live socket that counts it is
measured.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, LiteralString

import picows
import psycopg
from sqlalchemy import text

from app.protocol.rollout_plan import Limits, RolloutPlan
from app.protocol.states import Protocol
from app.protocol.strategies import PINGS_ONLY, Plan
from app.services import containers, rollout_drafts, rollout_plans, rollouts
from app.services.containers import ContainerValues
from bench.both_ways import Front
from bench.common import line, machine, percentile
from bench.fleet import CONNECTED, FILES_BESIDE, PATIENCE, Crowd
from bench.pingpong import LARGEST_FRAME
from bench.stage import ACTOR, stage
from bench.viewers import scene

if TYPE_CHECKING:
    import uuid

    from bench.stage import Stage

COUNTED: Final = re.compile(rb'roll-completed"[^<]*<span[^>]*>[^<]*</span> <b>([\d,]+)</b>')
WITHIN: Final = 1.0
COPIES: Final = (
    """INSERT INTO container (id, name, endpoint_url, acp_path, status, labels, supported_protocols,
                              preferred_protocol)
    SELECT gen_random_uuid(), 'roll-' || n, endpoint_url || '/' || n, acp_path, status, labels,
           supported_protocols, preferred_protocol
    FROM container, generate_series(1, :last) n WHERE id = :first""",
    """INSERT INTO container_session (id, container_id)
    SELECT gen_random_uuid(), id FROM container WHERE name LIKE 'roll-%' AND id <> :first AND :last > 0""",
    """INSERT INTO acp_connection_configuration (id, container_id, encryption_level)
    SELECT gen_random_uuid(), id, 'none' FROM container
    WHERE name LIKE 'roll-%' AND id <> :first AND :last > 0""",
    "SELECT pg_notify('console_intents', 'leases free') WHERE :last >= 0 OR :first IS NULL",
)
FINISHED: Final = "SELECT count(*) FROM rollout WHERE state = 'completed'"
NOTHING: Final = Limits(failures=None, failure_rate=None, success=None, latency_ratio=None, no_data=False)


class Viewer(picows.WSListener):  # type: ignore[misc]
    """A live socket at the rollout's page: when it first said that so many have completed."""

    def __init__(self) -> None:
        self.said: list[tuple[int, float]] = []

    def on_ws_frame(self, _: picows.WSTransport, frame: picows.WSFrame) -> None:
        now = time.time()
        if frame.msg_type == picows.WSMsgType.TEXT and (
            found := COUNTED.search(frame.get_payload_as_bytes())
        ):
            number = int(found[1].replace(b",", b""))
            if not self.said or number > self.said[-1][0]:
                self.said.append((number, now))


def register(prepared: Stage, number: int, port: int) -> None:
    """Register one container, and copy it so many times: the service is not what is measured."""
    with prepared.session() as session:
        values = ContainerValues(
            name="roll-0",
            endpoint_url=f"http://127.0.0.1:{port}/0",
            supported_protocols=(Protocol.HTTP, Protocol.ACP),
            preferred_protocol=Protocol.HTTP,
        )
        first = containers.register(session, values, ACTOR).id
        for statement in COPIES:
            session.execute(text(statement), {"first": first, "last": number - 1})


def begin(prepared: Stage, concurrency: int) -> uuid.UUID:
    """Make a rollout of them all and start it."""
    plan = RolloutPlan(
        selection={"text": "roll-"},
        waves="1, 10 %, 100 %",
        bake_seconds=0,
        concurrency=concurrency,
        migration=Plan(verification=PINGS_ONLY),
        limits=NOTHING,
    )
    with prepared.session() as session:
        shown = rollout_plans.preview(session, plan)
        found = rollout_drafts.create(
            session, "bench", plan, count=shown.total, digest=None, reason="bench", actor=ACTOR
        )
        rollouts.start(session, found, count=shown.total, reason="bench", actor=ACTOR)
        return found.id


async def until(reader: psycopg.AsyncConnection[Any], query: LiteralString, wanted: int) -> None:
    """Wait until a query counts so many."""
    async with asyncio.timeout(PATIENCE):
        while True:
            row = await (await reader.execute(query)).fetchone()
            if row is not None and row[0] >= wanted:
                return
            await asyncio.sleep(0.1)


async def main(number: int, concurrency: int) -> None:
    files = 4 * number + FILES_BESIDE  # each has a front, and two ends behind it
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, hard)))
    server = await picows.ws_create_server(
        Crowd().container, "127.0.0.1", 0, max_frame_size=LARGEST_FRAME, backlog=4096
    )
    behind = server.sockets[0].getsockname()[1]
    front = await asyncio.get_running_loop().create_server(
        lambda: Front(behind), "127.0.0.1", 0, backlog=4096
    )
    with ExitStack() as stack:
        prepared = stack.enter_context(stage())
        shown = stack.enter_context(scene(prepared, 1))
        stack.enter_context(prepared.gateway())
        reader = await psycopg.AsyncConnection.connect(prepared.database_url, autocommit=True)
        register(prepared, number, front.sockets[0].getsockname()[1])
        await until(reader, CONNECTED, number)
        began = time.monotonic()
        rollout_id = await asyncio.to_thread(begin, prepared, concurrency)
        headers = {"Cookie": shown.cookie, "Origin": f"http://{shown.address}"}
        transport, viewer = await picows.ws_connect(
            Viewer, f"ws://{shown.address}/live/rollouts/{rollout_id}", extra_headers=headers
        )
        transport.send(picows.WSMsgType.TEXT, b'{"after": null}')
        try:
            await until(reader, FINISHED, 1)
            print(line(f"{number:,} containers moved", number / (time.monotonic() - began), "migrations/s"))
            await tell(reader, viewer)
        finally:
            transport.disconnect()  # or the web process would wait for its viewer
            await transport.wait_disconnected()
            await reader.close()


async def tell(reader: psycopg.AsyncConnection[Any], viewer: Viewer) -> None:
    """Print how soon the page showed each container that completed."""
    ended = await reader.execute(
        "SELECT extract(epoch FROM completed_at)::float8 FROM protocol_migration"
        " WHERE cause = 'rollout' AND success ORDER BY completed_at"
    )
    facts = [row[0] for row in await ended.fetchall()]
    async with asyncio.timeout(WITHIN * 10):
        while not viewer.said or viewer.said[-1][0] < len(facts):  # noqa: ASYNC110 - frames come when they do
            await asyncio.sleep(0.05)
    shown, late = iter(viewer.said), []
    number, at = next(shown)
    for place, fact in enumerate(facts, 1):
        while number < place:
            number, at = next(shown)
        late.append(max(0.0, at - fact))
    for name, value in (("p50", percentile(late, 50)), ("p99", percentile(late, 99)), ("max", max(late))):
        print(line(f"end of a migration to the page's socket, {name}", value, f"s ({WITHIN:g} promised)"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--containers", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=100)
    options = parser.parse_args()
    print(machine())
    asyncio.run(main(options.containers, options.concurrency))
