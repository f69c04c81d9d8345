"""HTTP's transport by itself: what comes after its end is told like any other failure."""

from __future__ import annotations

import asyncio
import gc
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from app.gateway import http_transport
from app.gateway.address import Address
from app.gateway.http_transport import HttpTransport, open_http
from app.models import new_id
from app.protocol.endpoints import parse_endpoint
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.demo import DemoFleet


def test_what_is_sent_or_asked_after_the_end_fails_in_words(fleet: DemoFleet) -> None:
    endpoint = parse_endpoint(fleet.endpoint("plain"))

    async def scenario() -> list[dict[str, object]]:
        mistakes: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
        transport = await open_http(Address(endpoint, endpoint.host, None, {}), "/rpc")
        await transport.close("enough")
        transport.send("{}", new_id())
        with pytest.raises(TimeoutError, match="the connection has been closed"):
            await transport.ping()
        await asyncio.sleep(0)
        return mistakes

    assert asyncio.run(scenario()) == []


class Healthy(BaseHTTPRequestHandler):
    """A container that is well, and keeps its connections."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    late: ClassVar[list[str]] = []
    peers: ClassVar[list[object]] = []

    def do_GET(self) -> None:
        self.peers.append(self.client_address)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_error(self, format: str, *_: object) -> None:  # noqa: A002 - the interface's
        self.late.append(format)

    def log_request(self, *_: object) -> None:
        """Say nothing of what it was asked."""


class Server(ThreadingHTTPServer):
    daemon_threads = False  # each is waited for: a connection that nobody closes is late

    def handle_error(self, *_: object) -> None:
        """Say nothing of a reset: it ends a connection, too."""


@pytest.fixture
def healthy() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Healthy)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    serving.join()
    assert Healthy.late == []


ANSWERED: Final = 10
"""Turns of the event loop from which on a quick server may have answered."""


@pytest.mark.parametrize("steps", range(16))
def test_what_is_under_way_at_the_end_fails_in_words_and_leaves_no_socket(healthy: str, steps: int) -> None:
    """However far it had come: `steps` turns of the event loop."""
    endpoint = parse_endpoint(healthy)

    async def scenario() -> None:
        transport = HttpTransport(Address(endpoint, endpoint.host, None, {}), "/rpc")
        ping = asyncio.create_task(transport.ping())
        for _ in range(steps):
            await asyncio.sleep(0)
        await transport.close("enough")
        (outcome,) = await asyncio.gather(ping, return_exceptions=True)
        if steps < ANSWERED or not isinstance(outcome, float):
            assert isinstance(outcome, TimeoutError)
            assert "the connection has been closed" in str(outcome)

    asyncio.run(scenario())


@pytest.mark.parametrize("steps", range(1, 24))
def test_a_dial_that_is_given_up_leaves_no_socket(healthy: str, steps: int) -> None:
    """However far it had come: a supervisor that ends cancels it."""
    endpoint = parse_endpoint(healthy)

    async def scenario() -> None:
        dialling = asyncio.create_task(open_http(Address(endpoint, endpoint.host, None, {}), "/rpc"))
        for _ in range(steps):
            await asyncio.sleep(0)
        dialling.cancel()
        (outcome,) = await asyncio.gather(dialling, return_exceptions=True)
        if isinstance(outcome, HttpTransport):
            await outcome.close("it had been opened")
        else:
            assert isinstance(outcome, asyncio.CancelledError)

    asyncio.run(scenario())
    gc.collect()  # a socket that was left is told of here, and not in a later test


@pytest.mark.parametrize("steps", range(24))
def test_an_end_that_is_cancelled_leaves_no_socket(healthy: str, steps: int) -> None:
    endpoint = parse_endpoint(healthy)

    async def scenario() -> None:
        transport = await open_http(Address(endpoint, endpoint.host, None, {}), "/rpc")
        transport.send("{}", new_id())
        closing = asyncio.create_task(transport.close("enough"))
        for _ in range(steps):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)

    asyncio.run(scenario())
    gc.collect()


@pytest.mark.parametrize(("seconds", "connections"), [(0, 3), (PATIENCE, 1)])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    healthy: str, monkeypatch: pytest.MonkeyPatch, seconds: float, connections: int
) -> None:
    """The container may be closing it just then."""
    monkeypatch.setattr(http_transport, "IDLE_SECONDS", seconds)
    endpoint = parse_endpoint(healthy)
    Healthy.peers.clear()

    async def scenario() -> None:
        transport = await open_http(Address(endpoint, endpoint.host, None, {}), "/rpc")
        for _ in range(2):
            await transport.ping()
        await transport.close("enough")

    asyncio.run(scenario())
    assert len(Healthy.peers) == 3
    assert len(set(Healthy.peers)) == connections
