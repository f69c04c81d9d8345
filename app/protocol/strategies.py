"""How a protocol migration is carried out: its strategy, how long it drains, when, and how it is verified.

immediate   the switch does not wait: what is in flight is interrupted with a clear error
graceful    new requests wait at the gate while open ones finish, up to `drain_seconds`
scheduled   graceful, at an instant by the database's clock
manual      prepared and probed first, then it waits for a person, and goes on as graceful
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from app.errors import Invalid
from app.protocol.stored import read

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_SECONDS: Final = 86_400
MAX_WATCH_SECONDS: Final = 3_600
MAX_PINGS: Final = 100
MAX_RATIO: Final = 1_000.0


class Strategy(StrEnum):
    """When the switch happens, and what becomes of the requests that are in flight then."""

    IMMEDIATE = "immediate"
    GRACEFUL = "graceful"
    SCHEDULED = "scheduled"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How the new protocol is judged after the switch; worse than a threshold, and it goes back by itself.

    `seconds` is how long it is watched, with at least `pings` health pings; 0 means the pings only. The error
    rate counts once `min_sample` of pings and callers' requests were seen; `max_latency_ratio` is the
    median's against what the old protocol gave.
    """

    seconds: int = 10
    pings: int = 3
    max_error_rate: float = 0.05
    min_sample: int = 20
    max_latency_ratio: float = 3.0

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        _between("seconds", self.seconds, 0, MAX_WATCH_SECONDS)
        _between("pings", self.pings, 1, MAX_PINGS)
        _between("max_error_rate", self.max_error_rate, 0, 1)
        _between("min_sample", self.min_sample, 1, 1_000_000)
        _between("max_latency_ratio", self.max_latency_ratio, 1, MAX_RATIO)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Verification:
        """Read what `as_dict` gave. Raises Invalid as `stored.read` does."""
        return read(cls, values, "verification")


PINGS_ONLY: Final = Verification(seconds=0, pings=1)
"""For what brings a container up, a first dial or a fallback: one sign of life, and no watching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one protocol migration is to be carried out.

    `scheduled_at` is an instant with its offset; `scheduled_zone` is the zone in which a person chose it, an
    IANA name.
    """

    strategy: Strategy = Strategy.GRACEFUL
    drain_seconds: int = 10
    scheduled_at: dt.datetime | None = None
    scheduled_zone: str | None = None
    verification: Verification = field(default_factory=Verification)

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        if self.strategy not in list(Strategy):
            raise Invalid("strategy", f"choose from {', '.join(Strategy)}")
        _between("drain_seconds", self.drain_seconds, 0, DAY_SECONDS)
        if self.strategy == Strategy.IMMEDIATE and self.drain_seconds:
            raise Invalid("drain_seconds", "immediate does not wait: 0")
        if (self.strategy == Strategy.SCHEDULED) != (self.scheduled_at is not None):
            raise Invalid("scheduled_at", "a time belongs to the strategy scheduled, and to no other")
        if self.scheduled_at is not None and self.scheduled_at.tzinfo is None:
            raise Invalid("scheduled_at", "say in which zone this time is")
        if (self.scheduled_zone is not None) and self.scheduled_at is None:
            raise Invalid("scheduled_zone", "a zone belongs to a time")
        if self.scheduled_zone is not None:
            zone_of(self.scheduled_zone)
        self.verification.check()

    @classmethod
    def immediate(cls, verification: Verification | None = None) -> Plan:
        """Return the plan that does not wait for anything in flight."""
        watched = verification if verification is not None else Verification()
        return cls(strategy=Strategy.IMMEDIATE, drain_seconds=0, verification=watched)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it: times in ISO 8601."""
        at = self.scheduled_at
        return {
            "strategy": str(self.strategy),
            "drain_seconds": self.drain_seconds,
            "scheduled_at": at.isoformat() if at is not None else None,
            "scheduled_zone": self.scheduled_zone,
            "verification": self.verification.as_dict(),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Plan:
        """Read what `as_dict` gave; what is missing is the default.

        Raises:
            Invalid: a value is of the wrong kind.
        """
        own = {name: values[name] for name in _PLAN if name in values}
        try:
            plan = msgspec.convert(own | {"verification": {}}, cls)
        except msgspec.ValidationError as error:
            raise Invalid("strategy", str(error)) from error
        verification = Verification.of(values.get("verification") or {})
        return cls(**{name: getattr(plan, name) for name in _PLAN}, verification=verification)


_PLAN: Final = ("strategy", "drain_seconds", "scheduled_at", "scheduled_zone")


def _between(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # a NaN is nowhere between
        raise Invalid(name, f"a number from {least} to {most}")


@cache
def zones() -> frozenset[str]:
    """Return the names of zones that people may choose from."""
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its IANA name. Raises Invalid."""
    if name not in zones():
        raise Invalid("scheduled_zone", f"{name!r} is not a time zone; write it such as Europe/Berlin or UTC")
    return ZoneInfo(name)


def instant(local: dt.datetime, zone: str, *, later: bool = False) -> dt.datetime:
    """Return the instant, in UTC, of a time on the clocks of a zone.

    A time that the clocks show twice, when they are set back, is the first unless `later` is asked for.

    Raises:
        Invalid: there is no such zone, the time has a zone already, or the clocks skip it.
    """
    if local.tzinfo is not None:
        raise Invalid("scheduled_at", "a local time has no offset of its own")
    place = zone_of(zone)
    try:
        found = local.replace(tzinfo=place, fold=int(later)).astimezone(dt.UTC)
        shown = found.astimezone(place).replace(tzinfo=None)
    except OverflowError as error:
        raise Invalid("scheduled_at", "the year is too far away") from error
    if shown != local:
        raise Invalid(
            "scheduled_at",
            f"the clocks of {zone} are set forward past {local:%Y-%m-%d %H:%M}: it does not occur there;"
            f" they show {shown:%H:%M} then",
        )
    return found
