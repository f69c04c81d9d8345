"""The demo fleet as one ASGI application, each container under a path of its own.

`/<name>/acp` is ACP for a WebSocket and the old protocol for a POST, `/<name>/health` the old protocol's
health check; at `/<name>/_control` faults are ordered (`app.demo.control`) and the container's state is read.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import msgspec
from acp.http.server import AcpServer
from acp.ws.server import handle_asgi_websocket

from app.demo import control, legacy
from app.demo.agent import DemoAgent
from app.demo.link import Link
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp.agent.connection import AgentSideConnection
    from acp.http.server import AgentFactory
    from acp.interfaces import Agent

    from app.demo.container import Container
    from app.demo.link import Receive, Scope, Send


class FleetApp:
    """The ASGI application: finds the container that a path names and lets it answer."""

    def __init__(self, fleet: Mapping[str, Container]) -> None:
        self._fleet = fleet
        self._servers = {name: AcpServer(_agents(container)) for name, container in fleet.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, rest = f"{scope['path']}//".split("/", 2)
        container, rest = self._fleet.get(name), rest.strip("/")
        if scope["type"] == "websocket":
            await self._websocket(container, rest, scope, receive, send)
        else:
            body = await _read(receive)
            status, answer = await _http(container, f"{scope['method']} {rest}", body)
            await _respond(send, status, answer)

    async def _websocket(
        self, container: Container | None, rest: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if container is None or rest != "acp" or Protocol.ACP not in container.behaviour.protocols:
            await send({"type": "websocket.close"})  # before the handshake: HTTP 403
            return
        link = Link(scope["state"]["socket"], send, container.thawed)
        container.attach(link)
        try:
            await handle_asgi_websocket(self._servers[container.behaviour.name], scope, receive, link.send)
        finally:
            container.links.discard(link)


def _agents(container: Container) -> AgentFactory:
    def agent(connection: AgentSideConnection) -> Agent:
        # The SDK's router answers -32601 for what an agent lacks, so that it need not have every method.
        return cast("Agent", DemoAgent(container, connection))

    return agent


async def _http(container: Container | None, request: str, body: bytes) -> tuple[int, Any]:
    if container is None:
        return 404, {"error": "no such container"}
    if request.endswith("_control"):
        return await _control(container, request, body)
    await container.thawed.wait()
    if Protocol.HTTP not in container.behaviour.protocols:
        return 404, {"error": "this container speaks only ACP"}
    if request == "GET health":
        await asyncio.sleep(container.behaviour.health_delay)
        return (200, {"status": "ok"}) if container.healthy else (503, {"status": "failing"})
    if request == "POST acp":
        return await legacy.answer(container, body)
    return 404, {"error": "there is only GET health and POST acp"}


async def _control(container: Container, request: str, body: bytes) -> tuple[int, Any]:
    try:
        if request.startswith("POST"):
            await control.order(container, body)
    except msgspec.DecodeError as error:
        return 400, {"error": str(error)}
    return 200, container.state()


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        event = await receive()
        body += cast("bytes", event.get("body", b""))
        if not event.get("more_body"):
            return body


async def _respond(send: Send, status: int, answer: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
