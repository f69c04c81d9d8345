"""The HTTP and WebSocket server of the demo fleet: uvicorn, on one port."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from app.config_values import Bind
from app.demo.asgi import FleetApp
from app.demo.container import Container
from app.demo.fleet import FLEET
from app.demo.link import Socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
    from pathlib import Path

    from app.demo.fleet import Behaviour

MAX_FRAME = 16 * 2**20  # wire.md, Transport
SHUTDOWN_SECONDS = 2  # what an open request may still take; every viewer of the product is closed as fast


@asynccontextmanager
async def serve(
    bind: Bind, containers: Iterable[Behaviour] = FLEET.values(), certificate: Path | None = None
) -> AsyncIterator[str]:
    """Serve the containers, on a free port if `bind` says port 0, and yield the base URL.

    With TLS where a certificate is given: a PEM file with the key and the chain.

    Raises:
        OSError: The address is taken or not this machine's.
    """
    fleet = {behaviour.name: Container(behaviour) for behaviour in containers}
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    listener = socket.create_server((bind.host, bind.port), family=family)
    # asyncio sets it only on sockets whose protocol is spelled out; without it every answer waits 40 ms for
    # the acknowledgement of its headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address = Bind(bind.host, listener.getsockname()[1]).reached_from_here()
    server = _Server(_config(fleet, certificate))
    async with AsyncExitStack() as stack:
        for container in fleet.values():
            for chore in container.chores():
                await stack.enter_async_context(_running(chore))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"{'https' if certificate else 'http'}://{address}"
        finally:
            for container in fleet.values():
                container.freeze(frozen=False)  # or its open requests would hold the server up
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the fleet."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut what is left, too: a connection that was accepted at this moment was not asked to close."""
        await super().shutdown(sockets)
        for each in list(self.server_state.connections):
            each.transport.abort()


def _config(fleet: Mapping[str, Container], certificate: Path | None) -> uvicorn.Config:
    return uvicorn.Config(
        FleetApp(fleet),
        http="h11",
        ws=Socket,
        ws_max_size=MAX_FRAME,
        ws_ping_interval=None,  # keeping the connection alive is the gateway's task
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=certificate,
    )


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
