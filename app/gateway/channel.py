"""A container's channel: the multiplexer, its callers, and the way of every message through the recorder.

Whatever goes to anybody passes `record`: it is numbered, queued, committed, and only then delivered. Nothing
in here awaits, so that the order of frames in, records and frames out is one and the same.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.gateway.batch import Entry
from app.gateway.gaps import Gap
from app.models import new_id
from app.protocol.frames import RpcKind, parse
from app.protocol.message import CONTAINER
from app.protocol.mux import Multiplexer
from app.protocol.states import Direction, MessageType
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.gateway.batch import Lease
    from app.gateway.link import Link
    from app.gateway.metrics import Metrics
    from app.gateway.recorder import Recorder
    from app.gateway.rows import Book
    from app.gateway.tenure import Tenure
    from app.protocol.message import Delivery, Message


class Caller(Protocol):
    """Where a caller's frames go; `put` never waits, and cuts off a caller that cannot keep up."""

    def put(self, text: str) -> None: ...

    def dismiss(self, reason: str) -> None: ...

    def move(self) -> None:
        """Find the way to the container anew: another gateway takes it over."""


class Channel:
    """What stays while links come and go.

    `gate` is open unless the container is between two protocols: readers of callers wait there, so that no
    request meets a half-done switch. `idle` is set while no request of a caller or of the agent is open.
    """

    def __init__(
        self,
        lease: Lease,
        recorder: Recorder,
        metrics: Metrics,
        tenure: Tenure,
        present: Callable[[Channel], None],
    ) -> None:
        """`present` is told whenever `audience` may have changed."""
        self.lease = lease
        self.mux = new_multiplexer()
        self.link: Link | None = None
        self.book: Book | None = None
        self.configuration = ConfigurationValues()
        self.gate = asyncio.Event()
        self.gate.set()
        self.idle = asyncio.Event()
        self.idle.set()
        self._callers: dict[str, Caller] = {}
        self._outlet = Outlet(self, None)
        self._recorder = recorder
        self._backlog = recorder.backlog
        self._metrics = metrics
        self._tenure = tenure
        self._present = present
        self._given = 0
        present(self)

    @property
    def audience(self) -> tuple[int, int]:
        """How many callers are here, and how many sessions are theirs."""
        return len(self._callers), len(self.mux.sessions)

    @property
    def beat_seconds(self) -> float:
        """The configured keep-alive interval."""
        return self.configuration.keep_alive_interval / 1000

    @property
    def idle_seconds(self) -> float:
        """The configured idle time-out."""
        return self.configuration.idle_timeout / 1000

    def join(self, key: str, label: str, caller: Caller) -> None:
        """Let a caller in."""
        self._callers[key] = caller
        self.mux.join(key, label)
        self._present(self)

    def leave(self, key: str) -> None:
        """Let a caller go; what it still owed the agent is answered in its place."""
        del self._callers[key]
        self.record(self.mux.leave(key))
        self._present(self)

    def dismiss(self, reason: str) -> None:
        """Send every caller away."""
        for caller in self._callers.values():
            caller.dismiss(reason)

    def move(self) -> None:
        """Send every caller to the gateway that takes the container over, without its noticing."""
        for caller in self._callers.values():
            caller.move()

    async def held(self) -> bool:
        """Tell whether this gateway may act for the container now; waits until that is certain."""
        return await self._tenure.allows(self.lease)

    async def from_caller(self, key: str, text: str) -> None:
        """Take a frame from a caller, once there is room for it; a request waits for a switch under way.

        What is not a request passes the gate, so that open requests can be answered, cancelled and drained.
        """
        await self._backlog.callers_may()
        if self.link is not None:
            await self.link.drained()
        if not self.gate.is_set() and parse(text).kind is RpcKind.REQUEST:
            await self.gate.wait()
        self.record(self.mux.from_caller(key, text))

    def from_caller_at_once(self, key: str, text: str) -> bool:
        """Take a frame from a caller where `from_caller` would not wait; return whether that was so."""
        if not (
            self.gate.is_set() and self._backlog.open_to_callers and (self.link is None or self.link.takes)
        ):
            return False
        self.record(self.mux.from_caller(key, text))
        return True

    @property
    def has_room(self) -> bool:
        """Whether the recorder can take another frame now."""
        return self._backlog.open_to_containers

    async def room(self) -> None:
        """Wait until the recorder can take another frame."""
        await self._backlog.containers_may()

    def offline(self, reason: str) -> None:
        """Let go of the link: open requests are unanswered, further ones refused with the reason."""
        self.record(self.mux.offline(reason))
        self.link = None

    def record(self, messages: Iterable[Message], link: Link | None = None, book: Book | None = None) -> None:
        """Queue messages for commit and delivery; the link and book are the channel's own if not given."""
        link, book = link or self.link, book or self.book
        for message in messages:
            if book is not None and not self._backlog.keeps(message):
                self._drop(message, book)
                continue
            if book is not None and book.gap is not None:
                self._close_gap(book)
            self._append(message, link, book)
        self._settle()

    def _append(self, message: Message, link: Link | None, book: Book | None) -> None:
        if not self._is_recorded(message):
            book = None
        row = book.row(message) if book is not None else None
        if self._outlet.link is not link:
            self._outlet = Outlet(self, link)
        self._recorder.append(Entry(self.lease, book, row, message.id, self._outlet, message.deliveries))
        if link is not None and message.reply_to is not None:
            link.answered(message)  # what the gateway has asked itself need not wait for the commit
        self._metrics.message(message, counted=self.configuration.enable_metrics)

    def _drop(self, message: Message, book: Book) -> None:
        """Neither record nor deliver a message; a record in its place will say so."""
        if book.gap is None:
            book.gap = Gap(message.id)
            self._backlog.when_caught_up(partial(self._close_gap, book))
        book.gap.add(message)
        self._metrics.dropped(message)

    def _close_gap(self, book: Book) -> None:
        """Record what is missing, before the next record of the connection or once nothing is dropped."""
        if book.gap is None:
            return
        note = self.mux.note(
            MessageType.EVENT, Direction.INBOUND, book.gap.payload, error_message=book.gap.reason
        )
        note.id, note.rpc_kind, book.gap = book.gap.id, RpcKind.GAP, None
        self._append(note, None, book)

    @property
    def behind(self) -> bool:
        """Whether records wait for a database that is away or has just come back."""
        return self._backlog.behind

    def _is_recorded(self, message: Message) -> bool:
        return self.configuration.enable_status_events or message.message_type is not MessageType.STATUS

    def _settle(self) -> None:
        if self.mux.busy:
            self.idle.clear()
        else:
            self.idle.set()
        if self._given != self.mux.given:
            self._given = self.mux.given
            self._present(self)

    def deliver(self, delivery: Delivery) -> None:
        """Hand a committed text to a caller, if that is still there."""
        if delivery.to in self._callers:
            self._callers[delivery.to].put(delivery.text)


class Outlet(NamedTuple):
    """The way out of a channel: to the link that was in use when a message came, and to the callers."""

    channel: Channel
    link: Link | None

    def deliver(self, entry: Entry) -> None:
        """Send on what is committed."""
        for delivery in entry.deliveries:
            if delivery.to != CONTAINER:
                self.channel.deliver(delivery)
            elif self.link is not None:
                self.link.put(delivery.text, entry.message_id)


def new_multiplexer() -> Multiplexer:
    """Return a multiplexer on the monotonic clock, with time-ordered ids."""
    return Multiplexer(clock=time.monotonic, new_id=new_id)
