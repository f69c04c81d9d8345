"""HTTP's transport by itself: what comes after its end is told like any other failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from app.gateway.address import Address
from app.gateway.http_transport import HttpTransport, open_http
from app.models import new_id
from app.protocol.endpoints import parse_endpoint
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet


def test_what_is_sent_or_asked_after_the_end_fails_in_words(fleet: DemoFleet) -> None:
    endpoint = parse_endpoint(fleet.endpoint("plain"))

    async def scenario() -> list[dict[str, object]]:
        mistakes: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
        transport = await open_http(Address(endpoint, endpoint.host, None, {}), "/rpc")
        await transport.close("enough")
        transport.send("{}", new_id())
        with pytest.raises(TimeoutError, match="the connection has been closed"):
            await transport.ping()
        await asyncio.sleep(0)
        return mistakes

    assert asyncio.run(scenario()) == []


@pytest.mark.parametrize("steps", range(16))
def test_what_is_under_way_at_the_end_fails_in_words_and_leaves_no_socket(steps: int) -> None:
    """However far it had come: `steps` turns of the event loop."""

    async def scenario() -> None:
        ended: list[asyncio.Task[None]] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if task := asyncio.current_task():
                ended.append(task)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await reader.read()  # until it is closed
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1") as server:
            endpoint = parse_endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            transport = HttpTransport(Address(endpoint, endpoint.host, None, {}), "/rpc")
            ping = asyncio.create_task(transport.ping())
            for _ in range(steps):
                await asyncio.sleep(0)
            await transport.close("enough")
            with pytest.raises(TimeoutError, match="the connection has been closed"):
                await ping
            server.close()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*ended)

    asyncio.run(scenario())
