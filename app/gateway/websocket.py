"""A WebSocket on a bare asyncio transport: `websockets` without its I/O, and a short way for plain texts.

`websockets` speaks the protocol: handshakes, fragments, compression, control frames, errors and closes
(RFC 6455, RFC 7692). What nearly every frame is, a whole text, neither fragmented nor compressed, goes past
it in both directions (docs/adr/0020).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, OPEN

from app.gateway import framing
from app.gateway.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from websockets.client import ClientProtocol
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
    from websockets.server import ServerProtocol

LARGEST_FRAME: Final = 16 * 1024 * 1024
"""Bytes of a message, decompressed; a larger one closes the connection with 1009."""
LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request or a response without its body; the protocol has limits of its own within it."""
CLOSE_SECONDS: Final = 2.0
"""How long the other side may take to confirm a close before the socket is cut."""
QUIET: Final = logging.Logger("websockets", logging.INFO)  # noqa: LOG001 - in no tree, see below
"""Nobody can set it to DEBUG, at which the protocol logs its headers, credentials included."""
_HEAD_END: Final = b"\r\n\r\n"


class WebSocket(asyncio.Protocol):
    """One side of a connection. Binary messages are ignored (wire.md).

    `head` is done with the other side's half of the handshake, None if none came; `lost` once the socket is
    gone.
    """

    def __init__(
        self, protocol: ClientProtocol | ServerProtocol, close_seconds: float = CLOSE_SECONDS
    ) -> None:
        loop = asyncio.get_running_loop()
        self.protocol = protocol
        self.head: asyncio.Future[Request | Response | None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.error: Exception | None = None  # what broke the connection, if something did
        self.transport: asyncio.Transport
        self._client = protocol.side is CLIENT
        self._buffer = bytearray()
        self._headed = False  # the other side's half of the handshake is here
        self._framed = False  # and ours is sent: what comes are frames
        self._over = False  # and this: nothing that comes matters any more
        self._message: bytearray | None = None  # a fragmented text, as far as it has come
        self._inbox = Inbox(self._read_on)
        self._reading = True
        self._full: asyncio.Future[None] | None = None
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._cut: asyncio.TimerHandle | None = None
        self._close_seconds = close_seconds
        self._heard = time.monotonic()

    @property
    def heard(self) -> float:
        """When anything was last received, by the monotonic clock; now, while we do not listen."""
        return self._heard if self._reading else time.monotonic()

    @property
    def closed(self) -> ConnectionClosed:
        """How the connection ended, and what the system said of it. To be asked once `lost` is done."""
        closed = self.protocol.close_exc
        closed.__cause__ = self.error or closed.__cause__
        return closed

    async def text(self, at_once: Callable[[str], bool] | None = None) -> str | None:
        """Return the next message, None once the connection has ended; see `Inbox.take`."""
        return await self._inbox.take(at_once)

    async def texts(self, at_once: Callable[[str], bool] | None = None) -> AsyncIterator[str]:
        """Yield messages in order, to one taker, until the connection has ended; see `Inbox.take`."""
        while (text := await self._inbox.take(at_once)) is not None:
            yield text

    @property
    def unsent(self) -> int:
        """How many bytes wait for the peer to take what was sent before them."""
        return self.transport.get_write_buffer_size()

    def send(self, text: str) -> None:
        """Send a text, after those that the socket has not taken yet; after a close it is dropped."""
        if self.protocol.state is not OPEN:
            return
        data = text.encode(errors="replace")  # whoever delivers must not fail over what a stranger wrote
        if self.protocol.extensions:
            self.protocol.send_text(data)
            self.flush()
        else:
            self.transport.write(framing.text_frame(data, masked=self._client))

    @property
    def takes(self) -> bool:
        """Whether `drained` would not wait."""
        return self._full is None

    async def drained(self) -> None:
        """Wait while the peer takes too little of what is sent, or until the connection is lost."""
        while self._full is not None and not self.lost.done():
            await asyncio.wait({self._full, self.lost}, return_when=asyncio.FIRST_COMPLETED)

    async def ping(self) -> float:
        """Return the seconds until the pong. Raises TimeoutError when the connection is lost before it."""
        sent, number = time.monotonic(), os.urandom(4)
        pong = self._pongs[number] = asyncio.get_running_loop().create_future()
        try:
            if self.protocol.state is OPEN:
                self.protocol.send_ping(number)
                self.flush()
            await asyncio.wait({pong, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._pongs[number]
        if not pong.done():
            raise TimeoutError("the connection was lost before the pong came")
        return time.monotonic() - sent

    async def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake, if nobody has, and return once the socket is gone."""
        if self.protocol.state is OPEN:
            self.protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
            self.flush()
        await asyncio.wait({self.lost})

    def flush(self) -> None:
        """Send what the protocol has to say; after a goodbye the other side has little time left."""
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                with suppress(OSError):  # the other side has gone already, as `connection_lost` will say
                    self.transport.write_eof()
            else:  # TLS cannot be closed by halves
                self.transport.close()
        if self._cut is None and self.protocol.close_expected():
            self._cut = asyncio.get_running_loop().call_later(self._close_seconds, self.transport.abort)

    def respond(self, response: Response) -> None:
        """Answer a request, on a server's side; frames are read from now on if that opens the connection."""
        self.protocol = cast("ServerProtocol", self.protocol)
        self.protocol.send_response(response)
        self._over = self.protocol.state is not OPEN
        self.flush()
        self.transport.resume_reading()
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.protocol.receive_eof()
        if self._cut is not None:
            self._cut.cancel()
        if self.protocol.parser_exc is not None:
            # Its traceback would keep what was in hand, 16 MiB of a bomb.
            traceback.clear_frames(self.protocol.parser_exc.__traceback__)
        self.lost.set_result(None)
        if not self.head.done():
            self.head.set_result(None)
        self._inbox.end()

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self.flush()

    def pause_writing(self) -> None:
        self._full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._full is not None:
            self._full.set_result(None)
            self._full = None

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        if self._over:
            self.protocol.receive_data(data)
        elif not self._framed:
            self._shake_hands(data)
        elif self._buffer:
            self._buffer += data
            del self._buffer[: self._frames(self._buffer)]
        else:
            used = self._frames(data)
            if used < len(data):
                self._buffer += memoryview(data)[used:]

    def _shake_hands(self, data: bytes) -> None:
        """Give the protocol the head as soon as it is whole, and what follows it if it was refused."""
        searched = max(0, len(self._buffer) - len(_HEAD_END))
        self._buffer += data
        if not self._headed:
            end = self._buffer.find(_HEAD_END, searched) + len(_HEAD_END)
            if end < len(_HEAD_END):
                if len(self._buffer) > LARGEST_HEAD:
                    self.transport.abort()
                return
            self._headed = True
            head = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._tell(head)
        if not self._client:  # what follows a request waits for the answer, and so does the peer
            self.transport.pause_reading()
        elif self.protocol.state is OPEN:
            self._begin()
        else:
            self._tell(bytes(self._buffer))
            self._buffer.clear()

    def _begin(self) -> None:
        """Take frames from now on."""
        self._framed = True
        if self._buffer and not self._over:
            rest = bytes(self._buffer)
            self._buffer.clear()
            self.data_received(rest)

    def _frames(self, data: bytes | bytearray) -> int:
        """Take what is whole; return how many bytes that was."""
        start, masked = 0, not self._client
        while not self._over and (found := framing.bounds(data, start)) is not None:
            body, stop = found
            if stop - body > LARGEST_FRAME:  # the header is enough for the protocol to refuse it
                self._tell(bytes(data[start:body]))
            elif stop > len(data):
                break
            elif data[start] == framing.WHOLE_TEXT and self._plain(data[start + 1]):
                self._deliver(framing.payload(data, body, stop, masked=masked))
            else:
                self._tell(bytes(data[start:stop]))
            start = stop
        if not self._over and framing.is_wrong(data, start, masked=masked):
            self._tell(bytes(data[start : start + 2]))
        return len(data) if self._over else start

    def _plain(self, second: int) -> bool:
        """Tell whether a whole text may go past the protocol, which it does not concern."""
        masked = second >= framing.MASKED
        return masked != self._client and self.protocol.current_size is None and self.protocol.state is OPEN

    def _tell(self, data: bytes) -> None:
        """Let the protocol judge some bytes, and do what it says."""
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif not self.head.done():
                self.head.set_result(event)
        ended = (self.protocol.close_rcvd, self.protocol.parser_exc, self.protocol.handshake_exc)
        self._over = ended != (None, None, None)
        if self.protocol.handshake_exc is not None and not self.head.done():
            self.head.set_result(None)
        self.flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            pong = self._pongs.get(bytes(frame.data))
            if pong is not None and not pong.done():
                pong.set_result(None)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._message = bytearray() if frame.opcode is Opcode.TEXT else None
        if self._message is not None and frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._message += frame.data
            if frame.fin:
                message, self._message = self._message, None
                self._deliver(message)

    def _deliver(self, message: bytes | bytearray) -> None:
        """Put a text where its taker finds it, and hold the peer back if there is too much already."""
        try:
            text = str(message, "utf-8")
        except UnicodeDecodeError as error:
            self.protocol.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            self._over = True
            self.flush()
            return
        self._inbox.put(text)
        if self._inbox.full and self._reading:
            self._reading = False
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()
