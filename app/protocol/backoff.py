"""How long to wait before each attempt to reconnect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from random import Random


class ReconnectLimits(Protocol):
    """The fields of AcpConnectionConfiguration that bound reconnecting; delays are milliseconds."""

    @property
    def reconnect_delay(self) -> int:
        """Ceiling of the first delay."""

    @property
    def max_reconnect_delay(self) -> int:
        """Ceiling of every delay."""

    @property
    def max_reconnect_attempts(self) -> int:
        """How often to try."""


def delay(limits: ReconnectLimits, attempt: int, random: Random) -> float:
    """Draw the delay in seconds before an attempt, counted from 1: exponential backoff with full jitter.

    Full jitter, a uniform draw from zero to the ceiling, spreads the reconnects of containers that dropped
    together more evenly than a jitter around the ceiling does, for the same load.
    """
    ceiling = min(limits.reconnect_delay << attempt - 1, limits.max_reconnect_delay)
    return random.uniform(0, ceiling) / 1000
