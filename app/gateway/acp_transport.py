"""ACP: JSON-RPC texts over one WebSocket (wire.md, Transport)."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any, Final

import websockets
from websockets.asyncio.client import ClientConnection, connect

from app.errors import DialError, HandshakeRefused
from app.gateway import sockets
from app.gateway.causes import of_dial
from app.gateway.transport import Ended
from app.protocol import states
from app.protocol.endpoints import websocket_url
from app.protocol.redaction import redact_headers, redact_text

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator

    from app.gateway.address import Address

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
LARGEST_FRAME: Final = 16 * 1024 * 1024
"""Bytes of a frame, decompressed; a larger one closes the connection with 1009."""
CONNECTION_ID_HEADER: Final = "Acp-Connection-Id"


class _Connect(connect):
    """A dial that follows no redirect: the address that was checked is the one to be dialled."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Connection(ClientConnection):
    """A connection whose failed handshake names what broke it.

    Under TLS 1.3 a client's handshake has succeeded before the server has seen its certificate, so that the
    server's alert comes in an answer's place (RFC 8446, section 4.4.2.4).
    """

    async def handshake(self, *args: Any, **options: Any) -> None:
        try:
            await super().handshake(*args, **options)
        except websockets.InvalidMessage as error:
            raise error from self.connection_exc or error.__cause__


class AcpTransport:
    """An open WebSocket."""

    protocol = states.Protocol.ACP

    def __init__(self, socket: ClientConnection, url: str) -> None:
        self._socket = socket
        self._read = time.monotonic()
        self.ended: Ended | None = None
        response = socket.response
        headers = dict(response.headers.raw_items()) if response else {}
        self.peer_id: str | None = _opaque(headers, CONNECTION_ID_HEADER)
        self.opened: dict[str, object] = {
            "transport": "websocket",
            "url": url,
            "status": response.status_code if response else None,
            "headers": redact_headers(headers),
        }

    async def frames(self) -> AsyncIterator[str]:
        """Yield text frames; binary ones are ignored (wire.md)."""
        try:
            while True:
                data = await self._socket.recv()
                self._read = time.monotonic()
                if isinstance(data, str):
                    yield data
        except websockets.ConnectionClosed as closed:
            self.ended = _ended(closed)
            error = self._socket.protocol.parser_exc
            if error is not None:  # its traceback would keep what was in hand, 16 MiB of a bomb
                traceback.clear_frames(error.__traceback__)

    async def send(self, text: str, message_id: uuid.UUID) -> None:  # noqa: ARG002 - the interface's
        try:
            await self._socket.send(text)
        except websockets.ConnectionClosed as closed:
            self.ended = self.ended or _ended(closed)

    async def ping(self) -> float:
        """Return once the pong is there (RFC 6455, section 5.5.3), or the socket is closed."""
        sent = time.monotonic()
        try:
            await (await self._socket.ping())
        except websockets.ConnectionClosed as closed:
            raise TimeoutError(str(closed)) from closed
        self._read = time.monotonic()
        return self._read - sent

    def silence(self) -> float:
        """Without the kernel's word, as on other systems than Linux, from the last frame that was read."""
        seconds = sockets.silence(self._socket.transport.get_extra_info("socket"))
        return time.monotonic() - self._read if seconds is None else seconds

    async def close(self, reason: str) -> None:
        await self._socket.close(1000, reason.encode()[:120].decode(errors="ignore"))

    async def abort(self) -> None:
        self._socket.transport.abort()
        await self._socket.wait_closed()


async def open_acp(
    address: Address, acp_path: str, *, compression: bool, half_open_seconds: float
) -> AcpTransport:
    """Open a WebSocket to an address that has been checked.

    Raises:
        DialError: nobody answers there, or not in time.
        HandshakeRefused: what answers does not speak WebSocket at this path.
    """
    url = websocket_url(address.endpoint, acp_path)
    options: dict[str, Any] = {"ssl": address.tls, "server_hostname": address.endpoint.host}
    try:
        socket = await _Connect(
            url,
            host=address.ip,
            port=address.endpoint.port,
            additional_headers=address.headers,
            compression="deflate" if compression else None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,  # keep-alive is the link's, with the container's own intervals
            max_size=LARGEST_FRAME,
            proxy=None,
            create_connection=_Connection,
            user_agent_header="LumiLink-ACP-Console",
            **(options if address.tls else {}),
        )
    except websockets.InvalidStatus as error:
        raise HandshakeRefused(
            f"{url} answered with HTTP {error.response.status_code} instead of a WebSocket"
        ) from error
    except (websockets.InvalidHandshake, websockets.InvalidMessage) as error:
        why = redact_text(of_dial(error, encrypted=address.endpoint.encrypted))
        raise HandshakeRefused(f"{url} does not speak WebSocket: {why}") from error
    except TimeoutError as error:
        raise DialError(f"{url} did not answer within {OPEN_SECONDS:.0f} s") from error
    except OSError as error:
        raise DialError(f"{url}: {of_dial(error, encrypted=address.endpoint.encrypted)}") from error
    sockets.watch(socket.transport.get_extra_info("socket"), half_open_seconds)
    return AcpTransport(socket, url)


def _ended(closed: websockets.ConnectionClosed) -> Ended:
    """Read who began the close, and how, from what was received and sent (RFC 6455, section 7.1)."""
    if closed.rcvd is None and closed.sent is None:
        return Ended("the connection broke without a close frame", "network", 1006)
    by_peer = closed.rcvd is not None and (closed.rcvd_then_sent or closed.sent is None)
    frame = closed.rcvd if by_peer else closed.sent
    if frame is None:  # closed by us, and never confirmed
        return Ended("the connection broke without a close frame", "network", 1006)
    return Ended(
        redact_text(frame.reason) or f"closed with {frame.code}", "peer" if by_peer else "us", frame.code
    )


def _opaque(headers: dict[str, str], name: str) -> str | None:
    found = next((value for key, value in headers.items() if key.lower() == name.lower()), None)
    return found[:200] if found else None
