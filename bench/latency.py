"""The latency of one request: over ACP and over HTTP through the gateway, and over HTTP as it was before."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

import httpx
import psycopg
import websockets

from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.server import serve
from app.protocol.states import Protocol
from app.queries import containers
from app.services import protocol_migrations
from app.services.containers import ContainerValues
from bench.common import Limit, line, machine, percentile
from bench.stage import ACTOR, stage

if TYPE_CHECKING:
    import uuid
    from collections.abc import Awaitable, Callable

    from bench.stage import Stage

REQUESTS: Final = 300
METHOD: Final = "_bench/ask"
"""Unknown to the agent, so that its answer costs it nothing: what is measured is the way there and back."""
CONTAINER: Final = "http-first"
PATIENCE: Final = 60.0


async def main() -> None:
    with stage() as prepared:
        token = prepared.token()
        async with serve(Bind("127.0.0.1", 0), [FLEET[CONTAINER]]) as url:
            endpoint = f"{url}/{CONTAINER}"
            values = ContainerValues(
                name=CONTAINER, endpoint_url=endpoint, supported_protocols=("http", "acp")
            )
            container_id = prepared.register(values)
            before = await measure(lambda number: post(endpoint, number))
            with prepared.gateway() as address:
                await on(prepared, container_id, Protocol.HTTP)
                http = await over_gateway(address, token)
                migrate(prepared, container_id)
                await on(prepared, container_id, Protocol.ACP)
                acp = await over_gateway(address, token)
    for percent in (50, 99):
        name = f"request over ACP through the gateway, p{percent}"
        for peer, times in (("HTTP through it", http), ("a new HTTP connection each", before)):
            limit = Limit(peer, percentile(times, percent))
            print(line(name, percentile(acp, percent), "ms", limit))


async def measure(ask: Callable[[int], Awaitable[None]]) -> list[float]:
    """Return the milliseconds of each of many requests, one after the other; the first ones only warm up."""
    times = []
    for number in range(REQUESTS + REQUESTS // 10):
        began = time.perf_counter()
        await ask(number)
        times.append((time.perf_counter() - began) * 1000)
    return times[REQUESTS // 10 :]


async def post(endpoint: str, number: int) -> None:
    """Ask the container as the backend does today: a connection for the request, then none."""
    # Without `verify`, for reading the authorities' certificates (20 ms) is not of a plain request.
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501 - nothing is encrypted
        (await client.post(f"{endpoint}/acp", content=frame(number))).raise_for_status()


async def over_gateway(address: str, token: str) -> list[float]:
    """Ask over the callers' endpoint."""
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(f"{address}/acp/{CONTAINER}", additional_headers=headers) as socket:

        async def ask(number: int) -> None:
            await socket.send(frame(number))
            while json.loads(await socket.recv()).get("id") != number:
                pass

        return await measure(ask)


def frame(number: int) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": METHOD, "params": {}})


def migrate(prepared: Stage, container_id: uuid.UUID) -> None:
    with prepared.session() as session:
        container = containers.get(session, container_id)
        protocol_migrations.request(session, container, Protocol.ACP, reason="to compare", actor=ACTOR)


async def on(prepared: Stage, container_id: uuid.UUID, protocol: Protocol) -> None:
    """Wait until the container is connected over a protocol."""
    query = """
        SELECT FROM acp_connection c JOIN container_session s USING (container_id)
        WHERE container_id = %s AND status = 'connected' AND protocol_type = %s AND NOT EXISTS (
            SELECT FROM protocol_migration m WHERE m.container_id = s.container_id AND m.completed_at IS NULL)
    """
    async with await psycopg.AsyncConnection.connect(prepared.database_url, autocommit=True) as reader:
        async with asyncio.timeout(PATIENCE):
            while True:
                cursor = await reader.execute(query, (container_id, protocol))
                if await cursor.fetchone() is not None:
                    return
                await asyncio.sleep(0.02)


if __name__ == "__main__":
    print(machine())
    asyncio.run(main())
