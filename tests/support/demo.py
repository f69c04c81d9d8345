"""The demo fleet, served on loopback by a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import websockets

from app.config_values import Bind
from app.demo.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

    import httpx

    from app.demo.fleet import Behaviour

    Talk = Callable[[str], AbstractAsyncContextManager["Conversation"]]

PATIENCE = 10  # seconds until a test stops waiting for a frame; a loaded machine answers within one


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """Where the demo fleet is, and how to order faults of it."""

    url: str
    client: httpx.Client

    def endpoint(self, name: str) -> str:
        """A container's endpoint URL, as it is registered."""
        return f"{self.url}/{name}"

    def acp(self, name: str) -> str:
        return self.endpoint(name).replace("http://", "ws://") + "/acp"

    def order(self, name: str, **orders: Any) -> dict[str, int]:
        """Order a fault (`app.demo.control.Orders`) and return the container's state after it."""
        return self._state(self.client.post(f"/{name}/_control", json=orders))

    def state(self, name: str) -> dict[str, int]:
        """Count the container's `live` sockets, `dials` so far, `sessions`, and `prompts` at work."""
        return self._state(self.client.get(f"/{name}/_control"))

    @staticmethod
    def _state(response: httpx.Response) -> dict[str, int]:
        response.raise_for_status()
        state: dict[str, int] = response.json()
        return state


@dataclass(slots=True)
class Conversation:
    """A plain ACP client on a bare WebSocket, which sees every frame and can send any."""

    socket: websockets.ClientConnection
    permission: dict[str, Any] = field(default_factory=lambda: {"outcome": "selected", "optionId": "allow"})
    heard: list[dict[str, Any]] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps({"jsonrpc": "2.0", **frame}))

    async def hear(self) -> dict[str, Any]:
        """Take the next frame, answering it if it asks for permission."""
        async with asyncio.timeout(PATIENCE):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        self.heard.append(frame)
        if frame.get("method") == "session/request_permission":
            await self.send(id=frame["id"], result={"outcome": self.permission})
        return frame

    async def answer(self, identifier: object) -> dict[str, Any]:
        """Hear on until the response with this id."""
        while True:
            frame = await self.hear()
            if "method" not in frame and frame["id"] == identifier:
                return frame

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its response; what comes before it is in `heard`."""
        identifier = next(self._ids)
        await self.send(id=identifier, method=method, params=params)
        return await self.answer(identifier)

    async def initialize(self) -> dict[str, Any]:
        return await self.ask("initialize", protocolVersion=1, clientCapabilities={})

    async def new_session(self) -> str:
        answer = await self.ask("session/new", cwd="/workspace", mcpServers=[])
        return str(answer["result"]["sessionId"])

    async def prompt(self, session: str, text: str) -> dict[str, Any]:
        return await self.ask("session/prompt", sessionId=session, prompt=[{"type": "text", "text": text}])

    def updates(self, kind: str) -> list[dict[str, Any]]:
        """The heard `session/update`s of a kind."""
        told = [frame["params"]["update"] for frame in self.heard if frame.get("method") == "session/update"]
        return [update for update in told if update["sessionUpdate"] == kind]

    def text(self) -> str:
        return "".join(update["content"]["text"] for update in self.updates("agent_message_chunk"))


@asynccontextmanager
async def talk_to(url: str) -> AsyncIterator[Conversation]:
    async with websockets.connect(url, max_size=None) as socket:
        yield Conversation(socket)


@contextmanager
def serving(containers: Iterable[Behaviour]) -> Iterator[str]:
    """Serve containers in a thread, yield the base URL, and stop for certain at the end."""
    started: Future[tuple[str, Callable[[], object]]] = Future()

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serve(Bind("127.0.0.1", 0), containers) as url:
            started.set_result((url, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, main())
        done.add_done_callback(
            lambda _: started.cancel()
        )  # a server that never started must not be waited for
        url, stop = started.result()
        try:
            yield url
        finally:
            stop()
            done.result()
