"""A browser's end of a live socket, and the bell that brings news to it."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from werkzeug.serving import make_server

from tests.support.waiting import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from websockets.sync.client import ClientConnection

    from app.models import AcpConnection, AcpMessage
    from tests.web.conftest import World

    Open = Callable[..., ClientConnection]

WAIT = 10  # seconds until a test gives up; what is waited for takes less than one


@contextmanager
def live_pages(app: Flask, cookie: str) -> Iterator[Open]:
    """Serve the application, and yield what opens a live socket as a browser does that is signed in."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    with ExitStack() as stack:

        def enter(path: str, word: object = None, **options: Any) -> ClientConnection:
            headers = {"Cookie": f"session={cookie}"}
            given = {"origin": origin, "additional_headers": headers, "proxy": None} | options
            socket = stack.enter_context(connect(f"{origin.replace('http', 'ws')}{path}", **given))
            with suppress(ConnectionClosed):  # one that is refused may be closed already; its reader sees why
                socket.send(json.dumps(word or {}))
            return socket

        yield enter
    app.extensions["live"].close_all()
    server.shutdown()
    thread.join()
    server.server_close()


def hear(socket: ClientConnection, wanted: str) -> str:
    """Take texts until one holds what is wanted."""
    while wanted not in (said := str(socket.recv(WAIT))):
        pass
    return said


def rows(socket: ClientConnection, until: AcpMessage) -> list[str]:
    """Take timeline rows, in the order in which they come, until one has come."""
    got: list[str] = []
    while str(until.id) not in got:
        said = hear(socket, "timeline-rows")
        got += [part[:36] for part in said.split('id="message-')[1:]]
    return got


def ring(world: World, connection: AcpConnection) -> None:
    """Ring as the recorder does after a batch."""
    bell = f"messages {connection.container_id} {connection.id}"
    world.session.execute(select(func.pg_notify("console_facts", bell)))
    world.session.commit()


def closed(socket: ClientConnection) -> int:
    """Wait for the socket's end and return its code."""
    with suppress(ConnectionClosed):  # raised unless the end is an orderly one
        for _ in socket:
            pass
    assert socket.close_code is not None
    return socket.close_code
