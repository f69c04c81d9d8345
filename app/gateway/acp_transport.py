"""ACP: JSON-RPC texts over one WebSocket (wire.md, Transport)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, cast

import websockets
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.uri import parse_uri

from app.errors import DialError, HandshakeRefused
from app.gateway import sockets, tls
from app.gateway.causes import of_dial, of_status, plain
from app.gateway.transport import Ended
from app.gateway.websocket import LARGEST_FRAME, QUIET, WebSocket
from app.protocol import states
from app.protocol.endings import Ending
from app.protocol.endpoints import http_url, websocket_url
from app.protocol.redaction import redact_headers, redact_text

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Callable

    from websockets.http11 import Response

    from app.gateway.address import Address

OPEN_SECONDS: Final = 10.0
CONNECTION_ID_HEADER: Final = "Acp-Connection-Id"
# Windows of 1 KiB instead of 32: an idle connection keeps 22 KiB for its compression so, 49 with windows of
# 4 KiB (measured), and shall cost 60 with all it has. Its frames are small.
_DEFLATE: Final = ClientPerMessageDeflateFactory(
    server_max_window_bits=10, client_max_window_bits=10, compress_settings={"memLevel": 3}
)


class AcpTransport:
    """An open WebSocket."""

    protocol = states.Protocol.ACP

    def __init__(self, socket: WebSocket, response: Response, url: str) -> None:
        self._socket = socket
        headers = dict(response.headers.raw_items())
        self.peer_id: str | None = _opaque(headers, CONNECTION_ID_HEADER)
        self.opened: dict[str, object] = {
            "transport": "websocket",
            "url": url,
            "status": response.status_code,
            "headers": redact_headers(headers),
        }

    @property
    def ended(self) -> Ended | None:
        return _ended(self._socket.closed, self._socket.error) if self._socket.lost.done() else None

    def facts(self) -> dict[str, Any]:
        extensions = [each.name for each in self._socket.protocol.extensions]
        return {
            "compression": ", ".join(extensions) or None,
            "tls": tls.facts(self._socket.transport.get_extra_info("ssl_object")),
        }

    def frames(self, at_once: Callable[[str], bool]) -> AsyncIterator[str]:
        """Yield text frames; binary ones are ignored (wire.md)."""
        return self._socket.texts(at_once)

    def send(self, text: str, message_id: uuid.UUID) -> None:  # noqa: ARG002 - the interface's
        self._socket.send(text)

    @property
    def takes(self) -> bool:
        return self._socket.takes

    async def drained(self) -> None:
        await self._socket.drained()

    async def ping(self) -> float:
        """Return once the pong is there (RFC 6455, section 5.5.3)."""
        return await self._socket.ping()

    def silence(self) -> float:
        """Say what the kernel does, unless we have heard since, or do not listen."""
        unheard = time.monotonic() - self._socket.heard
        silence = sockets.silence(self._socket.transport.get_extra_info("socket"))
        return unheard if silence is None else min(silence, unheard)

    async def close(self, reason: str) -> None:
        await self._socket.close(CloseCode.NORMAL_CLOSURE, reason)

    async def abort(self) -> None:
        self._socket.transport.abort()
        await asyncio.wait({self._socket.lost})


async def open_acp(
    address: Address, acp_path: str, *, compression: bool, half_open_seconds: float
) -> AcpTransport:
    """Open a WebSocket to an address that has been checked. No redirect is followed, no proxy is asked.

    `half_open_seconds`: see `sockets.watch`.

    Raises:
        DialError: nobody answers there, or not in time.
        HandshakeRefused: what answers does not speak WebSocket at this path.
    """
    url = websocket_url(address.endpoint, acp_path)
    protocol = ClientProtocol(
        parse_uri(url),
        extensions=[_DEFLATE] if compression else None,
        max_size=LARGEST_FRAME,
        logger=QUIET,
    )
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            socket, response = await _open(protocol, address, http_url(address.endpoint, acp_path))
    except websockets.InvalidStatus as error:
        status = error.response.status_code
        told = of_status(url, status) or f"{url} answered with HTTP {status} instead of a WebSocket"
        raise HandshakeRefused(told) from error
    except websockets.InvalidHandshake as error:
        why = redact_text(of_dial(error, encrypted=address.endpoint.encrypted))
        raise HandshakeRefused(f"{url} does not speak WebSocket: {why}") from error
    except TimeoutError as error:
        raise DialError(f"{url} did not answer within {OPEN_SECONDS:g} s") from error
    except OSError as error:
        raise DialError(f"{url}: {of_dial(error, encrypted=address.endpoint.encrypted)}") from error
    sockets.watch(socket.transport.get_extra_info("socket"), half_open_seconds)
    return AcpTransport(socket, response, url)


async def _open(protocol: ClientProtocol, address: Address, url: str) -> tuple[WebSocket, Response]:
    """Connect and shake hands; `url` is what the request is for, as cookies have it.

    Under TLS 1.3 a client's handshake has succeeded before the server has seen its certificate, so that the
    server's alert comes in an answer's place (RFC 8446, section 4.4.2.4): then it is the error's cause.

    Raises:
        OSError: nobody is there, or TLS failed.
        websockets.InvalidHandshake: the answer is not that of a WebSocket.
    """
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: WebSocket(protocol),
        address.ip,
        address.endpoint.port,
        ssl=address.tls,
        server_hostname=address.endpoint.name if address.tls else None,
    )
    try:
        request = protocol.connect()
        request.headers["User-Agent"] = "LumiLink-ACP-Console"
        request.headers.update(address.headers | address.cookies.headers(url))
        protocol.send_request(request)
        socket.flush()
        response = await socket.head
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc from (  # noqa: TRY301 - the protocol has only kept it for us
                socket.error or protocol.handshake_exc.__cause__
            )
    except BaseException:  # also when cancelled: no socket may be left behind
        socket.transport.abort()
        raise
    accepted = cast("Response", response)
    address.cookies.take(url, accepted.headers.raw_items())
    return socket, accepted


def _ended(closed: websockets.ConnectionClosed, error: Exception | None) -> Ended:
    """Read who began the close, and how, from what was received and sent (RFC 6455, section 7.1)."""
    if closed.rcvd is None and closed.sent is None:
        return _broken(error)
    by_peer = closed.rcvd is not None and (closed.rcvd_then_sent or closed.sent is None)
    frame = closed.rcvd if by_peer else closed.sent
    if frame is None:  # closed by us, and never confirmed
        return _broken(error)
    return Ended(
        redact_text(frame.reason) or f"closed with {frame.code}", "peer" if by_peer else "us", frame.code
    )


def _broken(error: Exception | None) -> Ended:
    """Say that nobody said goodbye, and what the system knows of it (a reset, a time-out)."""
    why = f": {plain(error)}" if isinstance(error, OSError) and error.errno else ""
    return Ended.of(Ending.BROKEN, why=why)


def _opaque(headers: dict[str, str], name: str) -> str | None:
    found = next((value for key, value in headers.items() if key.lower() == name.lower()), None)
    return found[:200] if found else None
