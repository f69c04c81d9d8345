"""Keep-alive of one link: carries out what `protocol.liveness` decides.

It costs one timer of the event loop, and a task only while a pong or an answer is awaited: thousands of idle
links are then a few hundred small looks a second.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from app.gateway.causes import plain
from app.gateway.transport import Ended
from app.protocol.endings import Ending
from app.protocol.liveness import Liveness, Loss, Pace
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Settings
    from app.gateway.channel import Channel
    from app.gateway.link import Link

    Note = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)

LATE: Final = 0.1
"""Part of the detector's time by which a look may be late; after more, the gateway itself had stood still."""


class KeepAlive:
    """Watches a link until it is lost. `note` is given what is to be known of it: see `Vitals`."""

    def __init__(self, link: Link, channel: Channel, settings: Settings, note: Note) -> None:
        self._link = link
        self._channel = channel
        self._settings = settings
        self._note = note
        self._noted: dict[str, Any] | None = None
        self._liveness = Liveness(time.monotonic())
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to watch; once more after a change of the configuration."""
        if self._link.protocol is Protocol.ACP:
            self._look(time.monotonic())
        elif not self._tasks:
            self._spawn(self._poll())

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _pace(self) -> Pace:
        configured = self._channel.configuration
        return Pace(
            configured.keep_alive_interval / 1000,
            configured.idle_timeout / 1000,
            self._settings.half_open_seconds,
        )

    def _look(self, due: float) -> None:
        if self._link.lost.done():
            return
        now, pace, silence = time.monotonic(), self._pace(), self._link.transport.silence()
        if self._link.held or self._channel.behind or now - due > pace.half_open * LATE:
            self._liveness.forgive(now)
        look = self._liveness.look(now, pace, now - silence, self._link.spoke)
        if look.loss is not None:
            self._link.lose(ended(look.loss, pace))
            return
        if look.ping:
            self._spawn(self._ping())
        if look.ask:
            self._spawn(self._ask())
        if look.doubt:
            self._doubt()
        self._look_at(look.again)

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, moment - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._look, moment)

    async def _ping(self) -> None:
        await self._link.transport.ping()
        self._liveness.pong()
        self._look(time.monotonic())

    async def _ask(self) -> None:
        milliseconds = await self._link.health(None)
        if self._liveness.answered():
            log.info("The agent of connection %s answers again", self._link.book.connection_id)
        self._healthy(milliseconds)
        self._look(time.monotonic())

    def _doubt(self) -> None:
        """Say that the agent is silent; the connection stays until the idle time-out."""
        asked = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=time.monotonic() - self._liveness.asked)
        log.warning("The agent of connection %s does not answer", self._link.book.connection_id)
        self._found({"silent_since": asked.isoformat(timespec="seconds")})

    async def _poll(self) -> None:
        """Check a container on HTTP; the first failure counts, for the check itself is patient."""
        while True:
            self._healthy(await self._link.health(None))
            await asyncio.sleep(self._settings.http_poll_interval)

    def _healthy(self, milliseconds: float) -> None:
        """Note the latency where it is wanted; where it is not, once that there is none."""
        measured = self._channel.configuration.enable_metrics
        self._found({"latency_ms": round(milliseconds, 3)} if measured else {})

    def _found(self, facts: dict[str, Any]) -> None:
        if facts != self._noted:
            self._noted = facts
            self._note(facts)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Give the link up if its keep-alive failed: nobody would watch over it any more."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, TimeoutError):
            log.error("The keep-alive of a link failed", exc_info=error)
        elif self._link.protocol is Protocol.ACP:
            return  # the socket is closed, and the link's reader says how
        self._link.lose(Ended(plain(error), "us"))


def ended(loss: Loss, pace: Pace) -> Ended:
    """Return how a link ends that is given up."""
    seconds = pace.half_open / 2 if loss is Loss.HALF_OPEN else pace.idle
    return Ended.of(Ending[loss.name], seconds=seconds)
