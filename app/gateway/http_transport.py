"""HTTP: one JSON-RPC request a POST, answered in the body (wire.md, HTTP, the old protocol)."""

from __future__ import annotations

import asyncio
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpx

from app.errors import DialError, HandshakeRefused
from app.gateway import tls
from app.gateway.causes import of_dial, of_status, plain
from app.gateway.transport import Ended, Failed
from app.protocol import states
from app.protocol.endpoints import http_url
from app.protocol.redaction import redact_headers, redact_text

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Callable

    from app.gateway.address import Address

CONNECT_SECONDS: Final = 10.0
HEALTH_SECONDS: Final = 15.0
"""A health check may take seconds (wire.md)."""
ANSWER_SECONDS: Final = 600.0
"""A prompt is answered when the agent has finished its turn."""
AT_ONCE: Final = 32
"""Requests under way to one container."""
IDLE_SECONDS: Final = 1.0
"""For how long an idle connection may be used again. httpx's 5 s are what uvicorn and Node keep one for: a
request after just that time is sent while the container closes it, and gets no answer (RFC 9112, 9.3.1)."""
LARGEST_ANSWER: Final = 16 * 1024 * 1024
HEALTH_PATH: Final = "/health"
HTTP_OK: Final = 200
HTTP_BAD_REQUEST: Final = 400
_CLOSED: Final = "the connection has been closed"
_BROKEN: Final = (httpx.HTTPError, OSError)  # the alerts of TLS 1.3 come as they are


class HttpTransport:
    """A container that is spoken to by request and response."""

    protocol = states.Protocol.HTTP
    peer_id: str | None = None

    def __init__(self, address: Address, path: str) -> None:
        self._client = httpx.AsyncClient(
            verify=address.tls or False,
            headers={**address.headers, "Host": address.endpoint.authority},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=IDLE_SECONDS),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # it knows the address, not the name
            follow_redirects=False,
            trust_env=False,
        )
        self._extensions = {"sni_hostname": address.endpoint.name} if address.tls else {}
        self._address = address
        self._path = path
        self._answers: asyncio.Queue[str | Failed | Ended] = asyncio.Queue()
        self._posts: set[asyncio.Task[None]] = set()
        self._exchanges: set[asyncio.Task[tuple[int, str]]] = set()
        self._closed = False
        self.ended: Ended | None = None
        self._tls: dict[str, str] | None = None
        self.opened: dict[str, object] = {"transport": "http", "url": http_url(address.endpoint, path)}

    def facts(self) -> dict[str, Any]:
        return {"compression": None, "tls": self._tls}

    async def frames(
        self,
        at_once: Callable[[str], bool],  # noqa: ARG002 - the interface's
    ) -> AsyncIterator[str | Failed]:
        """Yield the bodies of answers as they come, in no particular order."""
        while not isinstance(item := await self._answers.get(), Ended):
            yield item
        self.ended = item

    def send(self, text: str, message_id: uuid.UUID) -> None:
        """Start a POST; its answer comes out of `frames`."""
        post = asyncio.create_task(self._post(text, message_id))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)

    @property
    def takes(self) -> bool:
        return True

    async def drained(self) -> None:
        """Return at once: each request has a connection of its own, or waits for one."""

    async def _post(self, text: str, message_id: uuid.UUID) -> None:
        try:
            status, body = await self._exchange("POST", self._path, text)
        except (*_BROKEN, httpx.InvalidURL, HandshakeRefused) as error:
            self._answers.put_nowait(Failed(message_id, f"the POST failed: {_described(error)}"))
            return
        if body.strip():
            self._answers.put_nowait(body)
        if status not in (HTTP_OK, HTTP_BAD_REQUEST) or not body.strip():
            # For one that was answered, or asked nothing, this finds no open request and says nothing.
            self._answers.put_nowait(Failed(message_id, f"the container answered with HTTP {status}"))

    async def ping(self) -> float:
        """Ask for the container's health. Raises TimeoutError where it is not well, or does not answer."""
        sent = time.monotonic()
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                status, _ = await self._exchange("GET", HEALTH_PATH)
        except (*_BROKEN, HandshakeRefused, TimeoutError) as error:
            raise TimeoutError(f"the health check failed: {_described(error)}") from error
        if status != HTTP_OK:
            told = of_status(http_url(self._address.endpoint, HEALTH_PATH), status)
            raise TimeoutError(told or f"the health check was answered with HTTP {status}")
        return time.monotonic() - sent

    async def _exchange(self, method: str, path: str, text: str | None = None) -> tuple[int, str]:
        """Send a request and read its body, unless `close` ends that, whoever waits for it.

        What a client that is being closed has just begun to dial would stay open: httpcore forgets it.
        """
        if self._closed:  # it was committed when another connection was in use
            raise httpx.TransportError(_CLOSED)
        exchange = asyncio.create_task(self._ask(method, path, text))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)
        try:
            return await exchange
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise httpx.TransportError(_CLOSED) from None

    async def _ask(self, method: str, path: str, text: str | None) -> tuple[int, str]:
        """Send a request and read its body, up to the largest answer that is taken."""
        address, named = self._address, http_url(self._address.endpoint, path)
        headers = address.cookies.headers(named)
        if text is not None:
            headers["Content-Type"] = "application/json"
        async with self._client.stream(
            method,
            http_url(address.dialled, path),
            content=text,
            headers=headers,
            extensions=self._extensions,
        ) as response:
            address.cookies.take(named, response.headers.multi_items())
            if address.tls and self._tls is None:
                self._tls = tls.facts(response.extensions["network_stream"].get_extra_info("ssl_object"))
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise HandshakeRefused(f"an answer is larger than {LARGEST_ANSWER} bytes")
            self.opened.setdefault("status", response.status_code)
            self.opened.setdefault("headers", redact_headers(dict(response.headers)))
            return response.status_code, body.decode("utf-8", "replace")

    def silence(self) -> float:
        """There is no socket to watch; every exchange has a limit of its own."""
        return 0.0

    async def abort(self) -> None:
        await self.close("it is lost")

    async def close(self, reason: str) -> None:
        """End it to the end, also where whoever asks for that is cancelled: no socket may be left behind."""
        ending = asyncio.create_task(self._end(reason))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    async def _end(self, reason: str) -> None:
        self._closed = True
        under_way = [*self._posts, *self._exchanges]
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._client.aclose()
        self._answers.put_nowait(Ended(reason, "us"))


async def open_http(address: Address, path: str) -> HttpTransport:
    """Return a transport to a container whose health check is answered.

    Raises:
        DialError: it is not.
    """
    transport = HttpTransport(address, path)
    try:
        await transport.ping()
    except BaseException as error:  # also when cancelled: no socket may be left behind
        await transport.close("the health check failed")
        if not isinstance(error, TimeoutError):
            raise
        why = str(error)
        if error.__cause__ is not None:
            cause = of_dial(error.__cause__, encrypted=address.endpoint.encrypted)
            why = f"the health check failed: {redact_text(cause)}"
        raise DialError(f"{address.endpoint}: {why}") from error
    return transport


def _described(error: Exception) -> str:
    return redact_text(plain(error))
