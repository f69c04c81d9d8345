"""A timeline under a flood, over sockets of a real web process: nothing is missing, nothing comes twice."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest
from psycopg.types.json import Jsonb
from websockets.sync.client import connect

from app.models import new_id
from bench.watching import Watch, established, stalled_socket
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from websockets.sync.client import ClientConnection

    from app.models import AcpConnection
    from tests.web.conftest import SignIn, World

    Gunicorn = tuple[subprocess.Popen[bytes], str]
    Open = Callable[[], ClientConnection]

WAIT = 30  # seconds until a test gives up
MANY = 1000  # more than a page is told at once
BATCH = 50
CUT_WITHIN = 10.0  # seconds after a viewer has stalled (reliability: slow viewers)
ROW = re.compile(r'id="message-([0-9a-f-]{36})"')
SKIPPED = re.compile(r'id="skipped-([0-9a-f-]{36})".*?>([\d,]+) more', re.DOTALL)


class Page:
    """What a browser's page was told: rows in the order in which they came, and rows that stand for more."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.left_out: list[tuple[str | None, str, int]] = []
        """Between which rows, and how many."""

    @property
    def word(self) -> str:
        return json.dumps({"after": self.rows[-1] if self.rows else None})

    def take(self, said: str) -> None:
        if "timeline-rows" not in said:
            return
        last = self.rows[-1] if self.rows else None
        self.left_out += [
            (last, below, int(count.replace(",", ""))) for below, count in SKIPPED.findall(said)
        ]
        self.rows += ROW.findall(said)

    def accounts_for(self, stored: list[str]) -> None:
        """Hold the page against what is stored: every record is a row, or counted where it is missing."""
        number = {each: place for place, each in enumerate(stored)}
        assert self.rows == sorted(set(self.rows), key=number.__getitem__)
        gaps = [
            (above, below, number[below] - number[above] - 1)
            for above, below in zip(self.rows, self.rows[1:], strict=False)
            if number[below] - number[above] > 1
        ]
        assert gaps == self.left_out
        assert self.rows[-1] == stored[-1]
        assert self.rows[0] == stored[0]


class Flood:
    """A thread that commits records in batches, each with its bell, as fast as the database takes them.

    It goes on until the block ends.
    """

    def __init__(self, url: str, connection: AcpConnection) -> None:
        self.ids: list[str] = []
        self._url = url
        self._connection_id, self._container_id = connection.id, connection.container_id
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def brings(self, number: int) -> None:
        """Wait until so many more are committed."""
        due = len(self.ids) + number
        eventually(lambda: len(self.ids) >= due, patience=WAIT)

    def _run(self) -> None:
        insert = (
            "INSERT INTO acp_message"
            " (id, connection_id, direction, message_type, method, rpc_kind, size, payload)"
            " VALUES (%s, %s, 'inbound', 'event', 'session/update', 'notification', 2, %s)"
        )
        bell = f"messages {self._container_id} {self._connection_id}"
        with psycopg.connect(self._url) as session:
            while not self._ending.is_set():
                ids = [new_id() for _ in range(BATCH)]
                rows = [(each, self._connection_id, Jsonb({"n": n})) for n, each in enumerate(ids)]
                session.cursor().executemany(insert, rows)
                session.commit()
                session.execute("SELECT pg_notify('console_facts', %s)", [bell])
                session.commit()
                self.ids += map(str, ids)


@pytest.fixture
def connection(world: World) -> AcpConnection:
    return world.connected(world.container())


@pytest.fixture
def watch(gunicorn: Gunicorn, sign_in: SignIn, connection: AcpConnection) -> Watch:
    cookie = sign_in("viewer").get_cookie("session")
    assert cookie is not None
    path = f"/live/connections/{connection.id}"
    return Watch(gunicorn[1], path, f"session={cookie.value}", None, viewers=1, rows=MANY, seconds=WAIT)


@pytest.fixture
def open_socket(watch: Watch) -> Iterator[Open]:
    options: dict[str, Any] = {"origin": f"http://{watch.address}", "proxy": None}
    headers = {"Cookie": watch.cookie}
    with ExitStack() as stack:

        def enter() -> ClientConnection:
            opened = connect(f"ws://{watch.address}{watch.path}", additional_headers=headers, **options)
            return stack.enter_context(opened)

        yield enter


def read(page: Page, from_socket: ClientConnection, until: Callable[[], bool]) -> None:
    while not until():
        page.take(str(from_socket.recv(WAIT)))


def ignore(from_socket: ClientConnection, until: str) -> None:
    """Pass over what comes, as a page does while it is paused, until it has been caught up."""
    while until not in str(from_socket.recv(WAIT)):
        pass


def test_a_cut_a_pause_and_a_return_in_a_flood_lose_nothing_and_repeat_nothing(
    world: World, connection: AcpConnection, open_socket: Open, database_url: str
) -> None:
    page, first = Page(), world.record(connection)
    socket_ = open_socket()
    socket_.send(page.word)
    read(page, socket_, lambda: page.rows == [str(first.id)])
    with Flood(database_url, connection) as flood:
        read(page, socket_, lambda: len(page.rows) > 100)
        socket_.socket.shutdown(socket.SHUT_RDWR)  # without a word, as a network does

        flood.brings(MANY)
        socket_ = open_socket()
        socket_.send(page.word)
        seen = len(page.rows)
        read(page, socket_, lambda: len(page.rows) > seen)

        flood.brings(MANY)  # paused meanwhile
        socket_.send(page.word)
        ignore(socket_, until='"caught_up"')
        seen = len(page.rows)
        read(page, socket_, lambda: len(page.rows) > seen)
    read(page, socket_, lambda: page.rows[-1] == flood.ids[-1])
    page.accounts_for([str(first.id), *flood.ids])


def test_a_viewer_that_reads_nothing_is_cut_and_the_others_get_everything(
    watch: Watch, connection: AcpConnection, open_socket: Open, world: World, database_url: str
) -> None:
    page, first = Page(), world.record(connection)
    socket_ = open_socket()
    socket_.send(page.word)
    read(page, socket_, lambda: page.rows == [str(first.id)])
    stalled = stalled_socket(watch)
    with Flood(database_url, connection) as flood:
        flood.brings(MANY)
    read(page, socket_, lambda: page.rows[-1] == flood.ids[-1])
    page.accounts_for([str(first.id), *flood.ids])
    eventually(lambda: not established(stalled), patience=CUT_WITHIN)
    stalled.close()
