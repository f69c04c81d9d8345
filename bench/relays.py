"""Plain relays, each a process: what stands between callers and containers and records nothing.

`python -m bench.relays websockets 9000` relays any path to the same path at port 9000 of this machine,
and prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import repeat
from typing import TYPE_CHECKING, Final, TypeAlias

import picows
import websockets
from websockets.asyncio.server import serve
from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from app.gateway.websocket import LARGEST_FRAME, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection

HOST: Final = "127.0.0.1"
TEXT: Final = picows.WSMsgType.TEXT
Carry: TypeAlias = "Callable[[picows.WSTransport, picows.WSFrame], None]"
"""Has a frame passed on to the other side."""


async def on_websockets(port: int) -> int:
    """Relay with the library's connections, as its documentation shows."""

    async def pump(
        source: ServerConnection | ClientConnection, sink: ServerConnection | ClientConnection
    ) -> None:
        async for data in source:
            await sink.send(data)

    async def handle(caller: ServerConnection) -> None:
        url = f"ws://{HOST}:{port}{caller.request.path}"
        async with websockets.connect(url, compression=None, max_size=LARGEST_FRAME, proxy=None) as container:
            pumps = [asyncio.create_task(pump(*pair)) for pair in ((caller, container), (container, caller))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for each in pumps:
                each.cancel()

    server = await serve(handle, HOST, 0, compression=None, max_size=LARGEST_FRAME)
    return next(iter(server.sockets)).getsockname()[1]


def at_once(to: picows.WSTransport, frame: picows.WSFrame) -> None:
    """Pass a frame on as it is."""
    to.send(TEXT, frame.get_payload_as_memoryview())


class _Side(picows.WSListener):
    """One side of a relay; what comes before the other one is there waits."""

    def __init__(self, carry: Carry) -> None:
        self.carry = carry
        self.other: picows.WSTransport | None = None
        self.early: list[bytes] = []

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == TEXT and self.other is not None:
            self.carry(self.other, frame)
        elif frame.msg_type == TEXT:
            self.early.append(frame.get_payload_as_bytes())


async def on_picows(port: int, carriers: Iterable[Carry] = repeat(at_once)) -> int:
    """Relay from callback to callback; each connection is carried by the next of the carriers."""
    dials: set[asyncio.Task[None]] = set()
    carrying = iter(carriers)

    async def dial(caller: picows.WSTransport, side: _Side) -> None:
        url = f"ws://{HOST}:{port}{caller.request.path.decode()}"
        side.other, container = await picows.ws_connect(
            lambda: _Side(side.carry), url, max_frame_size=LARGEST_FRAME
        )
        container.other = caller
        for text in side.early:
            side.other.send(TEXT, text)

    class Caller(_Side):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            dials.add(asyncio.create_task(dial(transport, self)))

    server = await picows.ws_create_server(
        lambda _: Caller(next(carrying)), HOST, 0, max_frame_size=LARGEST_FRAME
    )
    return server.sockets[0].getsockname()[1]


async def on_ours(port: int) -> int:
    """Relay with the gateway's own WebSockets, and nothing else of it."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def pump(source: WebSocket, sink: WebSocket) -> None:
        async for text in source.texts():
            sink.send(text)
            await sink.drained()

    async def handle(caller: WebSocket) -> None:
        request = await caller.head
        protocol = ClientProtocol(parse_uri(f"ws://{HOST}:{port}{request.path}"), max_size=LARGEST_FRAME)
        _, container = await loop.create_connection(lambda: WebSocket(protocol), HOST, port)
        protocol.send_request(protocol.connect())
        container.flush()
        await container.head
        caller.respond(caller.protocol.accept(request))
        await asyncio.gather(pump(caller, container), pump(container, caller))

    def made() -> WebSocket:
        caller = WebSocket(ServerProtocol(max_size=LARGEST_FRAME))
        tasks.add(loop.create_task(handle(caller)))
        return caller

    server = await loop.create_server(made, HOST, 0)
    return server.sockets[0].getsockname()[1]


RELAYS: Final[dict[str, Callable[[int], Awaitable[int]]]] = {
    "websockets": on_websockets,
    "picows": on_picows,
    "our WebSockets": on_ours,
}


async def main(name: str, port: str) -> None:
    print(await RELAYS[name](int(port)), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
