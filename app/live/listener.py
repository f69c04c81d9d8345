"""The process's one LISTEN connection (after procrastinate's): pinged, reconnected, then caught up."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import TYPE_CHECKING, Final, Protocol

import psycopg
from psycopg import sql

from app.errors import ConsoleError
from app.live.channels import Bell, RolloutBell
from app.services.doorbell import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

PING_SECONDS: Final = 5.0
"""Silence after which the connection is asked whether it lives; a lost one is found in as long."""

RETRY_SECONDS: Final = 1.0


class Hearer(Protocol):
    """Who wants to hear the doorbell."""

    def heard(self, bell: Bell | RolloutBell) -> None: ...

    def listening(self, *, well: bool) -> None:
        """Take note that the connection was made (and bells before it missed), or lost."""


class Listener(threading.Thread):
    """Listens until it is stopped; `connect` opens a connection to the database."""

    def __init__(self, connect: Callable[[], psycopg.Connection], hearer: Hearer) -> None:
        super().__init__(name="live-listener", daemon=True)
        self._connect = connect
        self._hearer = hearer
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Have the thread end within PING_SECONDS."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.Error, ConsoleError) as error:
                log.warning("the live updates' database connection is lost: %s", error)
                self._hearer.listening(well=False)
                self._stopping.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(FACTS)))
            self._hearer.listening(well=True)
            while not self._stopping.is_set():
                for notify in connection.notifies(timeout=PING_SECONDS):
                    for bell in bells(notify.payload):
                        self._hearer.heard(bell)
                connection.execute("SELECT 1")


def bells(payload: str) -> Iterator[Bell | RolloutBell]:
    """Read lines: `container <id>`, `messages <container id> <connection id>`, `rollout <id>`."""
    for line in payload.splitlines():
        noun, *ids = line.split() or [""]
        try:
            first, *connection_id = map(uuid.UUID, ids)
        except ValueError:
            log.warning("a bell that nobody knows: %r", line)
            continue
        if noun in {"container", "messages"} and len(connection_id) <= 1:
            yield Bell(first, *connection_id)
        elif noun == "rollout" and not connection_id:
            yield RolloutBell(first)
