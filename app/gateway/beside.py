"""What is done for one container beside its connection, which stays as it is: trials, and preflights.

Each is an intent in a row. It is carried out in a task of its own, so that the supervisor goes on looking
after the connection meanwhile. Who finds one that was taken and not finished does it again: nothing of it is
left but its records.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from app.errors import LeaseLost

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.snapshot import Snapshot

log = logging.getLogger(__name__)


class Pending(Protocol):
    """What is asked for."""

    @property
    def id(self) -> uuid.UUID: ...


P = TypeVar("P", bound=Pending)
R = TypeVar("R")


class Beside(ABC, Generic[P, R]):
    """At most one of its kind at a time, for one container: `P` is what is asked for, `R` what came of it."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._task: asyncio.Task[None] | None = None
        self._done: uuid.UUID | None = None  # a snapshot from just before its end still has it

    @abstractmethod
    def _asked(self, now: Snapshot) -> P | None:
        """Return what is asked for now."""

    @abstractmethod
    def _take(self, session: Session, pending: P) -> None:
        """Note that this gateway has begun."""

    @abstractmethod
    async def _carry_out(self, pending: P, now: Snapshot) -> R:
        """Do it, and say what came of it."""

    @abstractmethod
    def _finish(self, session: Session, pending: P, result: R) -> None:
        """Store what came of it."""

    def begin(self, now: Snapshot) -> None:
        """Start what is asked for, unless it is under way, or a protocol migration is."""
        pending = self._asked(now)
        busy = now.migration is not None and not now.migration.interruptible
        if pending is None or pending.id == self._done or busy:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(pending, now))
            self._task.add_done_callback(_ended)

    async def stop(self) -> None:
        """End what is under way, with its socket; the next gateway does it again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, pending: P, now: Snapshot) -> None:
        write = self._connector.ledger.write
        try:
            await write(lambda session: self._take(session, pending))
            result = await self._carry_out(pending, now)
            await write(lambda session: self._finish(session, pending, result))
            self._done = pending.id
        except LeaseLost:  # the next holder does it; the supervisor ends by itself
            log.info("what was asked for beside the connection is left to the gateway that holds it now")


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("A look beside the connection failed; it is taken again with the next step", exc_info=error)
