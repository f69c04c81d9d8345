"""The process's one LISTEN connection (after procrastinate's): pinged, reconnected, then caught up."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import TYPE_CHECKING, Final, Protocol

import psycopg
from psycopg import sql

from app.errors import ConsoleError
from app.live.channels import Bell, FleetBell, RolloutBell
from app.services.doorbell import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from app.live.channels import AnyBell

log = logging.getLogger(__name__)

PING_SECONDS: Final = 5.0
"""Silence after which the connection is asked whether it lives; a lost one is found in as long."""

RETRY_SECONDS: Final = 1.0

_BELLS: Final[Mapping[str, tuple[Callable[..., AnyBell], int]]] = {
    "container": (Bell, 1),
    "messages": (Bell, 2),
    "rollout": (RolloutBell, 1),
    "fleet": (FleetBell, 0),
}
"""What each line's first word stands for, and how many ids follow it."""


class Hearer(Protocol):
    """Who wants to hear the doorbell."""

    def heard(self, bell: AnyBell) -> None: ...

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


def bells(payload: str) -> Iterator[AnyBell]:
    """Read lines: `container <id>`, `messages <container id> <connection id>`, `rollout <id>`, `fleet`."""
    for line in payload.splitlines():
        try:
            bell = _bell(*line.split())
        except (TypeError, ValueError):
            log.warning("a bell that nobody knows: %r", line)
        else:
            yield bell


def _bell(noun: str, *ids: str) -> AnyBell:
    make, count = _BELLS.get(noun, (None, 0))
    if make is None or len(ids) != count:
        raise ValueError(noun)
    return make(*map(uuid.UUID, ids))
