"""Whether a new protocol is good enough, measured against what the old one gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.protocol.strategies import Verification

UNNOTICED_MS: Final = 50.0
"""A latency up to this is never too high: below it, a multiple is noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was seen of a protocol: answered health pings and callers' requests, medians in milliseconds.

    `errors` are requests that were answered with an error or not at all; None is a time that nobody knows.
    """

    protocol: str = ""
    pings: int = 0
    ping_ms: float | None = None
    requests: int = 0
    errors: int = 0
    request_ms: float | None = None

    @property
    def sample(self) -> int:
        """How much was seen."""
        return self.pings + self.requests

    @property
    def error_rate(self) -> float:
        """Which part of it failed."""
        return self.errors / self.sample if self.sample else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Measured:
        """Read what `as_dict` gave; nothing was measured where there is none."""
        return cls(**values) if values else cls()


def judge(before: Measured, after: Measured, allowed: Verification) -> str | None:
    """Say what is worse than is allowed, with the numbers; None if nothing is.

    What the old protocol did as badly is no reason to go back to it.
    """
    most = max(allowed.max_error_rate, before.error_rate)
    if after.sample >= allowed.min_sample and after.error_rate > most:
        failed = f"{after.errors} of {after.sample} requests failed ({after.error_rate:.1%})"
        return f"{failed}; {most:.1%} is allowed"
    if (slow := _slower(before.ping_ms, after.ping_ms, allowed)) is not None:
        return f"a health ping took {slow}"
    if min(before.requests, after.requests) < allowed.min_sample:
        return None
    slow = _slower(before.request_ms, after.request_ms, allowed)
    return f"callers' requests took {slow}" if slow is not None else None


def _slower(before: float | None, after: float | None, allowed: Verification) -> str | None:
    if before is None or after is None:
        return None
    most = max(UNNOTICED_MS, before * allowed.max_latency_ratio)
    if after <= most:
        return None
    return f"{after:.1f} ms in the median; {most:.1f} ms is allowed, the old protocol took {before:.1f} ms"
