"""An agent in a process of its own: it outlives gateways and databases, and notes every frame.

Started as `python -m tests.soak.agent LEDGER`, it prints its URL. In the ledger each line is the name of a
link, which the link's `Acp-Connection-Id` is too, `<` for heard or `>` for said, and the frame's fingerprint.
What is said is noted before it is sent, in the order in which it is sent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import websockets
from websockets.asyncio.server import serve

from tests.soak.content import fingerprint, tagged

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from tests.soak.content import Frame

UNKNOWN = {"code": -32601, "message": "Method not found"}


class Link:
    """One connection of a gateway's."""

    def __init__(self, socket: ServerConnection, name: str, ledger: TextIO, tags: count[int]) -> None:
        self._socket = socket
        self._name = name
        self._ledger = ledger
        self._tags = tags
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}

    async def serve(self) -> None:
        """Hear frames until the link ends; each prompt is worked on beside the others."""
        turns: set[asyncio.Task[None]] = set()
        try:
            async for text in self._socket:
                frame = json.loads(text)
                self._note("<", frame)
                if "method" not in frame:
                    self._asked.pop(frame["id"]).set_result(None)
                elif frame["method"] == "session/prompt":
                    turns.add(turn := asyncio.create_task(self._work(frame)))
                    turn.add_done_callback(turns.discard)
                elif "id" in frame:
                    await self._say(id=frame["id"], **self._answer(frame["method"]))
        except websockets.ConnectionClosed:
            pass
        finally:
            for turn in turns:
                turn.cancel()

    async def _work(self, prompt: Frame) -> None:
        """Answer a prompt with as many updates as it asks for, one permission request, and a result."""
        session_id = prompt["params"]["sessionId"]
        try:
            for _ in range(prompt["params"]["_meta"]["updates"]):
                update = {
                    "sessionUpdate": "agent_message_chunk",
                    "content": {"type": "text", "text": "well, "},
                }
                params = tagged(self._tag(), sessionId=session_id, update=update)
                await self._say(method="session/update", params=params)
            await self._ask(session_id)
            await self._say(id=prompt["id"], result=tagged(self._tag(), stopReason="end_turn"))
        except websockets.ConnectionClosed:
            pass

    async def _ask(self, session_id: str) -> None:
        number = next(self._numbers)
        self._asked[number] = answered = asyncio.get_running_loop().create_future()
        params = tagged(self._tag(), sessionId=session_id, options=[], toolCall={"toolCallId": "1"})
        await self._say(id=number, method="session/request_permission", params=params)
        await answered

    def _answer(self, method: str) -> dict[str, Any]:
        if method == "initialize":
            return {"result": {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []}}
        if method == "session/new":
            return {"result": tagged(self._tag(), sessionId=f"session-{next(self._tags)}")}
        if method == "_ledger/work":
            return {"result": tagged(self._tag())}
        return {"error": UNKNOWN}

    async def _say(self, **members: Any) -> None:
        frame = {"jsonrpc": "2.0", **members}
        self._note(">", frame)
        await self._socket.send(json.dumps(frame))

    def _note(self, direction: str, frame: Frame) -> None:
        self._ledger.write(f"{self._name} {direction} {fingerprint(frame)}\n")

    def _tag(self) -> str:
        return f"agent {next(self._tags)}"


async def main(ledger: TextIO) -> None:
    """Serve links until SIGTERM."""
    stop, tags, names = asyncio.Event(), count(1), count(1)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def name(_socket: ServerConnection, _request: Request, response: Response) -> Response:
        response.headers["Acp-Connection-Id"] = f"link-{next(names)}"
        return response

    async def handle(socket: ServerConnection) -> None:
        assert socket.response is not None
        await Link(socket, socket.response.headers["Acp-Connection-Id"], ledger, tags).serve()

    async with serve(handle, "127.0.0.1", 0, process_response=name) as server:
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - its URL
        await stop.wait()


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w", buffering=1) as noted:
        asyncio.run(main(noted))
