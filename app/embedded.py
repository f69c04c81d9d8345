"""The embedded PostgreSQL, for processes that are given no DATABASE_URL: shared, and gone with its last user.

The kernel counts the users: each holds a shared lock on `postgres.lock`, and whoever then gets it exclusively
was the last and stops the server. A detached `flock postgres.lock pg_ctl stop` waits in line from the start,
so that the server also ends when its last user was killed.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from app.errors import DatabaseUnavailable
from app.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.config import Settings

log = logging.getLogger(__name__)

REVIVE_SECONDS: Final = 10.0
PLANNING: Final = "SET random_page_cost = 1.1"
"""A page from memory or an SSD costs what its neighbour does. PostgreSQL's 4 is a spinning disk's, with which
it reads a small table whole for each line of a list (docs/adr/0040)."""


class DatabaseAddress:
    """Where this process finds its database: DATABASE_URL, or the embedded server, started at first use.

    Safe to share between threads. Lets go of the server at the latest when the process ends.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._url = settings.database_url
        self._died: float | None = None

    def url(self) -> str:
        """Give the libpq connection string. Raises DatabaseUnavailable where no server can be started."""
        with self._lock:
            if self._url is None:
                self._url = self._held.enter_context(embedded_database(self._settings.data_dir))
                atexit.register(self.close)
            return self._url

    def revive(self) -> None:
        """Start the embedded server again if it has died; leave a given database alone.

        Raises DatabaseUnavailable where it does not start for REVIVE_SECONDS: a killed server's processes,
        which keep another from starting, end within moments.
        """
        if self._settings.database_url is not None or self._url is None:
            return
        server = _server(self._settings.data_dir)
        try:
            with _alone(server):
                if server.state() == "stopped":
                    log.warning("The embedded PostgreSQL has died; starting it again")
                    server.start()
            self._died = None
        except DatabaseUnavailable:
            self._died = self._died or time.monotonic()
            if time.monotonic() - self._died > REVIVE_SECONDS:
                raise

    def connect(self) -> psycopg.Connection:
        """Open a connection; SQLAlchemy's `creator`. Raises psycopg.OperationalError as any connect does."""
        connection = psycopg.connect(self.url(), autocommit=True)
        connection.execute(PLANNING)  # as the session's, which no rollback takes back
        connection.autocommit = False
        return connection

    def close(self) -> None:
        """Let go of the embedded server, which stops if nobody else uses it; leave a given database alone."""
        atexit.unregister(self.close)
        with self._lock:
            self._url = self._settings.database_url
            self._held.close()


@contextmanager
def embedded_database(data_dir: Path) -> Iterator[str]:
    """Run the server in `data_dir` for as long as anybody uses it; yields the URL of its database `console`.

    Raises DatabaseUnavailable where it cannot be started.
    """
    with ExitStack() as held:
        try:
            server = _server(data_dir)
            data_dir.mkdir(parents=True, exist_ok=True)
            held.enter_context(_use(server))
            with _alone(server):
                server.make()
                _watch(server)
                server.start()
                server.create_database("console")
        except (OSError, subprocess.SubprocessError, psycopg.OperationalError) as error:
            raise DatabaseUnavailable(f"the embedded PostgreSQL in {data_dir}: {error}") from error
        yield server.conninfo("console")


def _server(data_dir: Path) -> Server:
    return Server(data_dir.resolve() / "postgres")


@contextmanager
def _use(server: Server) -> Iterator[None]:
    """Count as a user while inside. Entering waits for a stop under way; leaving last stops the server."""
    with _lock_file(server).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(lock, fcntl.LOCK_SH)  # others use it; or the watcher stops it, then wait for that
            else:
                server.stop()


@contextmanager
def _alone(server: Server) -> Iterator[None]:
    """Keep other users from making or starting the server at the same time."""
    with server.folder.with_name("postgres.starting").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _watch(server: Server) -> None:
    """Leave a process behind that stops the server once its users are gone, however they went.

    Where util-linux is missing (macOS), only a user that ends by itself stops the server.
    """
    setsid, flock = shutil.which("setsid"), shutil.which("flock")
    if setsid is None or flock is None:
        log.warning("There is no setsid or flock here: a killed console leaves its PostgreSQL running")
    elif server.state() == "stopped":
        lock_file = _lock_file(server)
        lock_file.chmod(0o644)  # the server's user, who may be another, opens it for reading
        server.run(setsid, "--fork", flock, str(lock_file), *server.stop_if_alive())


def _lock_file(server: Server) -> Path:
    return server.folder.with_name("postgres.lock")
