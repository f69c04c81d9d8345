"""Callers and containers of the end-to-end benchmark, in one cheap process: requests in ping-pong.

Both sides are on picows, so that what is measured is what stands between them. Each caller sends its next
request as soon as the last one was answered.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import msgspec
import picows

TEXT: Final = picows.WSMsgType.TEXT
INITIALIZED: Final = b'{"protocolVersion":1,"agentCapabilities":{},"authMethods":[]}'
SAID: Final = (
    "Please look at the tests of the parser and tell me which of them fail on the new input format. " * 2
)
ANSWER: Final = msgspec.json.encode({"stopReason": "end_turn", "_meta": {"note": SAID}})
LARGEST_FRAME: Final = 16 * 1024 * 1024


class _Asked(msgspec.Struct):
    """What a container reads of a frame: 300 bytes either way, the median of real traffic (wire.md)."""

    id: msgspec.Raw = msgspec.Raw()
    method: str = ""


decode = msgspec.json.Decoder(_Asked).decode


class Container(picows.WSListener):
    """Answers every request at once."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == TEXT:
            asked = decode(frame.get_payload_as_memoryview())
            if asked.id and asked.method:
                result = INITIALIZED if asked.method == "initialize" else ANSWER
                transport.send(TEXT, b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (bytes(asked.id), result))


async def containers() -> picows.Server:
    """Serve any number of containers, by whatever path."""
    return await picows.ws_create_server(lambda _: Container(), "127.0.0.1", 0, max_frame_size=LARGEST_FRAME)


class Caller(picows.WSListener):
    """Asks, waits for the answer, asks again; `times` are its round trips in seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.transport: picows.WSTransport | None = None
        self.until = 0.0
        self.done: asyncio.Future[None] | None = None
        self._sent = 0.0
        self._number = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def run(self, until: float) -> asyncio.Future[None]:
        """Ask until a moment of the monotonic clock."""
        self.times, self.until = [], until
        self.done = asyncio.get_running_loop().create_future()
        self._ask()
        return self.done

    def _ask(self) -> None:
        self._number += 1
        self._sent = time.perf_counter()
        self.transport.send(
            TEXT,
            b'{"jsonrpc":"2.0","id":%d,"method":"session/prompt","params":{"sessionId":"0198c0de","prompt":'
            b'[{"type":"text","text":"%b"}]}}' % (self._number, SAID.encode()),
        )

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != TEXT or b'"result"' not in frame.get_payload_as_bytes():
            return
        now = time.perf_counter()
        self.times.append(now - self._sent)
        if now < self.until:
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)

    def on_ws_disconnected(self, _transport: picows.WSTransport) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConnectionError("the caller was cut off"))


@dataclass
class Peers:
    """Callers connected through one contender."""

    callers: list[Caller] = field(default_factory=list)

    @classmethod
    async def connect(cls, urls: list[str], token: str | None = None) -> Peers:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        connected = [
            await picows.ws_connect(Caller, url, extra_headers=headers, max_frame_size=LARGEST_FRAME)
            for url in urls
        ]
        return cls([caller for _, caller in connected])

    async def measure(self, seconds: float) -> list[float]:
        """Play for some seconds and return every round trip, in seconds."""
        until = time.perf_counter() + seconds
        async with asyncio.timeout(seconds + 30):
            await asyncio.gather(*(caller.run(until) for caller in self.callers))
        return [each for caller in self.callers for each in caller.times]
