"""Containers that do what no demo container does: each answers as its test says."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from websockets.frames import Frame, Opcode
from websockets.sync.server import ServerConnection, serve

from tests.support.waiting import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from websockets.http11 import Request, Response
    from websockets.protocol import Event

    Answer = Callable[[ServerConnection, dict[str, Any]], object]

INITIALIZED = {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []}


def result(value: Any) -> Answer:
    """Answer a request with a result."""
    return lambda socket, frame: reply(socket, frame, result=value)


def error(message: str) -> Answer:
    """Answer a request with an error."""
    return lambda socket, frame: reply(socket, frame, error={"code": -32603, "message": message})


def reply(socket: ServerConnection, frame: dict[str, Any], **outcome: Any) -> None:
    socket.send(json.dumps({"jsonrpc": "2.0", "id": frame["id"], **outcome}))


@contextmanager
def agent(
    answers: Mapping[str, Answer],
    headers: Mapping[str, str] | None = None,
    on_open: Callable[[ServerConnection], object] = lambda _: None,
    on_ping: Callable[[float], object] = lambda _: None,
    **options: Any,
) -> Iterator[str]:
    """Serve an ACP agent that answers the methods given and -32601 for others; yields its endpoint URL.

    `on_ping` is told the monotonic moment of every WebSocket ping. `options` are of websockets' serve(): with
    `ssl`, it is served over TLS.
    """

    class Socket(ServerConnection):
        def process_event(self, event: Event) -> None:
            if isinstance(event, Frame) and event.opcode is Opcode.PING:
                on_ping(time.monotonic())
            super().process_event(event)

    def handle(socket: ServerConnection) -> None:
        on_open(socket)
        for text in socket:
            frame = json.loads(text)
            if "method" in frame and "id" in frame:
                answers.get(frame["method"], _unknown)(socket, frame)

    def name(_: ServerConnection, __: Request, response: Response) -> Response:
        response.headers.update(headers or {})
        return response

    scheme = "https" if options.get("ssl") else "http"
    options.setdefault("ping_interval", None)  # or back-pressure, under which pongs wait, would end it
    with serve(handle, "127.0.0.1", 0, process_response=name, create_connection=Socket, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def http_agent(outcome: int | None) -> Iterator[str]:
    """Serve a container on HTTP that is well and initialises, and answers all else with a bare HTTP status.

    None ends the connection instead of an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, b"{}")

        def do_POST(self) -> None:
            frame = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if frame["method"] == "initialize":
                initialized = {"jsonrpc": "2.0", "id": frame["id"], "result": {"protocolVersion": "0.3.1"}}
                self.answer(200, json.dumps(initialized).encode())
            elif outcome is not None:
                self.answer(outcome, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _unknown(socket: ServerConnection, frame: dict[str, Any]) -> None:
    reply(socket, frame, error={"code": -32601, "message": "Method not found"})
