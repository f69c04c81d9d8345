"""A running demo container: its sessions, its live sockets and the faults ordered of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from acp.exceptions import RequestError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from app.demo.fleet import Behaviour
    from app.demo.link import Link

KEPT_SESSIONS = 200  # a fleet left running for weeks must not grow
KEPT_TURNS = 20


@dataclass(slots=True)
class Session:
    """A conversation. It outlives connections and serves both protocols, as one kept on disk would."""

    id: str
    cwd: str
    running: asyncio.Task[Any] | None = None
    cancelled: bool = False
    history: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_TURNS))

    def cancel(self) -> None:
        if self.running is not None:
            self.cancelled = True
            self.running.cancel()


class Container:
    """The state of one demo container. All of it lives on one event loop."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.refuses = behaviour.refuses
        self.healthy = True
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.links: set[Link] = set()
        self.dials = 0
        self._sessions: dict[str, Session] = {}

    def open_session(self, cwd: str) -> Session:
        session = Session(id=uuid4().hex, cwd=cwd)
        self._sessions[session.id] = session
        if len(self._sessions) > KEPT_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session

    def session(self, session_id: str) -> Session:
        """Find a session. Raises the protocol's -32002 where there is none."""
        if session_id not in self._sessions:
            raise RequestError.resource_not_found(f"session:{session_id}")
        return self._sessions[session_id]

    def attach(self, link: Link) -> None:
        self.links.add(link)
        self.dials += 1

    def freeze(self, *, frozen: bool) -> None:
        if frozen:
            self.thawed.clear()
        else:
            self.thawed.set()

    def drop(self) -> None:
        for link in self.links:
            link.abort()

    def mute(self) -> None:
        for link in self.links:
            link.mute()

    async def emit(self, text: str) -> None:
        """Send a text frame, whatever it holds, to every live socket."""
        for link in [link for link in self.links if link.live]:
            await link.emit(text)

    def state(self) -> dict[str, int]:
        """Count what a test waits for: live sockets, handshakes so far, sessions kept, prompts at work."""
        live = sum(link.live for link in self.links)
        prompts = sum(session.running is not None for session in self._sessions.values())
        return {"live": live, "dials": self.dials, "sessions": len(self._sessions), "prompts": prompts}

    def chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Make what the container does on its own, without end, as its behaviour says."""
        if self.behaviour.drops_every is not None:
            yield self._drop_regularly(self.behaviour.drops_every)
        if self.behaviour.ticks_every is not None:
            yield self._tick_regularly(self.behaviour.ticks_every)

    async def _drop_regularly(self, period: float) -> None:
        while True:
            await asyncio.sleep(period)
            self.drop()

    async def _tick_regularly(self, period: float) -> None:
        """Say something that belongs to no session: an extension notification, numbered."""
        for number in itertools.count(1):
            await asyncio.sleep(period)
            await self.emit(
                json.dumps({"jsonrpc": "2.0", "method": "_demo/tick", "params": {"number": number}})
            )
