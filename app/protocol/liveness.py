"""Whether a peer still lives: when to ping it, when to ask its agent, when to give it up.

Two layers (wire.md, Liveness): a pong proves the socket and whoever holds its other end; only the agent's own
answer proves the agent. Nothing in here knows a socket or a clock: moments are seconds of any one clock.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

ASK_EVERY: Final = 2
"""Beats between two requests to the agent (DESIGN: at a slower beat than the pings)."""
DOUBT_SECONDS: Final = 10.0
"""How long an agent may think before it is said to be silent; the slowest took 0.14 s (wire.md)."""


class Loss(Enum):
    """What a link is given up for."""

    HALF_OPEN = auto()
    """A ping was not answered, and not a byte came meanwhile."""
    IDLE = auto()
    """Not a byte came for the configured idle time-out."""
    ONE_WAY = auto()
    """Bytes come, but no pong for the idle time-out: what we send does not arrive."""
    FROZEN = auto()
    """The socket lives, but its agent has answered nothing and said nothing for the idle time-out."""


class Pace(NamedTuple):
    """How closely a peer is watched, in seconds.

    `beat` and `idle` are the container's `keep_alive_interval` and `idle_timeout`. `half_open` is the
    gateway's own: within it a dead peer is found, one half for silence, the other for the pong.
    """

    beat: float
    idle: float
    half_open: float

    @property
    def ping_every(self) -> float:
        """However short the idle time-out is, a live but quiet peer must be heard within it."""
        return min(self.beat, self.idle / 2)


class Look(NamedTuple):
    """What to do now, and the moment to look again."""

    again: float
    loss: Loss | None = None
    ping: bool = False
    ask: bool = False
    doubt: bool = False
    """The agent has just become silent."""


class Liveness:
    """The watch over one peer. `look` is told when bytes and when frames last came."""

    __slots__ = ("_asked", "_asking", "_doubted", "_floor", "_pinged", "_pinging")

    def __init__(self, now: float) -> None:
        self._floor = now
        self._pinged, self._pinging = now, False
        self._asked, self._asking = float("-inf"), False
        self._doubted = False

    @property
    def asked(self) -> float:
        """When the agent was last asked."""
        return self._asked

    def pong(self) -> None:
        """The last ping was answered."""
        self._pinging = False

    def answered(self) -> bool:
        """The agent answered; tell whether it had been in doubt."""
        doubted, self._asking, self._doubted = self._doubted, False, False
        return doubted

    def forgive(self, now: float) -> None:
        """Hold no silence of before against the peer: it was we who did not listen."""
        self._floor = now

    def look(self, now: float, pace: Pace, heard: float, spoke: float) -> Look:
        """Decide; `heard` is when the last byte came, `spoke` when the last frame of the agent did."""
        heard, spoke = max(heard, self._floor), max(spoke, self._floor)
        limits = self._limits(pace, heard, spoke)
        for loss, limit in limits.items():
            if now >= limit:
                return Look(limit, loss)
        ping = not self._pinging and now >= self._ping_due(pace, heard)
        ask = not self._asking and now >= self._asked + pace.beat * ASK_EVERY
        doubt = self._asking and not self._doubted and now >= self._doubt_due(pace)
        self._doubted |= doubt
        if ping:
            self._pinged, self._pinging = now, True
        if ask:
            self._asked, self._asking = now, True
        return Look(min(self._due(pace, heard, spoke)), None, ping, ask, doubt)

    def _limits(self, pace: Pace, heard: float, spoke: float) -> dict[Loss, float]:
        """Say until when the peer may go on like this, the plainest loss first."""
        limits = {Loss.IDLE: heard + pace.idle}
        if self._pinging:
            since = max(self._pinged, self._floor)
            limits[Loss.HALF_OPEN] = max(since, heard) + pace.half_open / 2
            limits[Loss.ONE_WAY] = since + pace.idle
        if self._asking:
            limits[Loss.FROZEN] = max(self._asked, spoke) + pace.idle
        return limits

    def _due(self, pace: Pace, heard: float, spoke: float) -> list[float]:
        due = list(self._limits(pace, heard, spoke).values())
        if not self._pinging:
            due.append(self._ping_due(pace, heard))
        if not self._asking:
            due.append(self._asked + pace.beat * ASK_EVERY)
        elif not self._doubted:
            due.append(self._doubt_due(pace))
        return due

    def _ping_due(self, pace: Pace, heard: float) -> float:
        return min(self._pinged + pace.ping_every, heard + pace.half_open / 2)

    def _doubt_due(self, pace: Pace) -> float:
        return self._asked + min(DOUBT_SECONDS, pace.idle / 2)
