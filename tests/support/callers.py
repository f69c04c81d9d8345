"""A caller of the gateway on a bare WebSocket: it sees every frame, and can send any."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from websockets.sync.client import ClientConnection

    Call = Callable[[str], "Caller"]

ALLOW = {"outcome": "selected", "optionId": "allow"}


class Caller:
    """Answers permission requests with `permission`, unless that is None: then they stay open."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.permission: dict[str, Any] | None = ALLOW
        self.heard: list[dict[str, Any]] = []
        self._ids: Iterator[int] = itertools.count(1)

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps({"jsonrpc": "2.0", **frame}))

    def hear(self) -> dict[str, Any]:
        """Take the next frame."""
        frame: dict[str, Any] = json.loads(self.socket.recv(PATIENCE))
        self.heard.append(frame)
        if frame.get("method") == "session/request_permission" and self.permission is not None:
            self.send(id=frame["id"], result={"outcome": self.permission})
        return frame

    def hear_of(self, method: str) -> dict[str, Any]:
        """Hear on until a frame with this method."""
        while (frame := self.hear()).get("method") != method:
            pass
        return frame

    def answer(self, identifier: object) -> dict[str, Any]:
        """Hear on until the response with this id."""
        while "method" in (frame := self.hear()) or frame["id"] != identifier:
            pass
        return frame

    def begin(self, method: str, **params: Any) -> int:
        """Send a request and return its id."""
        identifier = next(self._ids)
        self.send(id=identifier, method=method, params=params)
        return identifier

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its response; what comes before it is in `heard`."""
        return self.answer(self.begin(method, **params))

    def new_session(self) -> str:
        answer = self.ask("session/new", cwd="/workspace", mcpServers=[])
        return str(answer["result"]["sessionId"])

    def begin_prompt(self, session: str, text: str) -> int:
        return self.begin("session/prompt", sessionId=session, prompt=[{"type": "text", "text": text}])

    def prompt(self, session: str, text: str) -> dict[str, Any]:
        return self.answer(self.begin_prompt(session, text))

    def updates(self) -> list[dict[str, Any]]:
        return [frame["params"] for frame in self.heard if frame.get("method") == "session/update"]

    def text(self) -> str:
        """What the agent said, put together."""
        told = [each["update"] for each in self.updates()]
        said = [update for update in told if update["sessionUpdate"] == "agent_message_chunk"]
        return "".join(update["content"]["text"] for update in said)
