"""Ranges of time as statistics show them: whole minutes, hours or days, as fine as the rollups are kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MINUTE: Final = 1
HOUR: Final = 60
DAY: Final = 24 * 60
STEP_WORDS: Final[Mapping[int, str]] = {MINUTE: "minute", HOUR: "hour", DAY: "day"}
"""Steps, in minutes, with their names."""
PRESETS: Final[Mapping[str, dt.timedelta]] = {
    "1h": dt.timedelta(hours=1),
    "6h": dt.timedelta(hours=6),
    "24h": dt.timedelta(hours=24),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
BY_MINUTE: Final = dt.timedelta(hours=6)
BY_HOUR: Final = dt.timedelta(days=14)
MINUTES_SHOWN: Final = dt.timedelta(hours=47)
"""How far back minutes can be relied on: they are kept for two days (services.rollups)."""
FLEET_MINUTES_SHOWN: Final = dt.timedelta(days=7, hours=1)
"""The same of the whole fleet's figures, whose minutes are kept for eight days."""
HOURS_SHOWN: Final = dt.timedelta(days=89)
LONGEST: Final = dt.timedelta(days=731)
SETTLED: Final = dt.timedelta(seconds=15)
"""After that long a minute that is over has all its messages, but for those that commit late."""
_ORIGIN: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` up to but without `end`, both in UTC and on a step's border; `now` is when it was made."""

    begin: dt.datetime
    end: dt.datetime
    step: int
    now: dt.datetime

    @property
    def length(self) -> dt.timedelta:
        """How long a step is."""
        return dt.timedelta(minutes=self.step)

    @property
    def word(self) -> str:
        """What a step is called."""
        return STEP_WORDS[self.step]

    @property
    def times(self) -> Sequence[dt.datetime]:
        """When each step begins; those that have not begun yet are left out."""
        count = (min(self.end, self.now) - self.begin) / self.length
        return [self.begin + self.length * place for place in range(max(1, int(count) + (count % 1 > 0)))]

    @property
    def shown_to(self) -> dt.datetime:
        """When the last step that has begun ends."""
        return self.times[-1] + self.length

    def seconds(self, at: dt.datetime) -> float | None:
        """Return for how long a step has been counted; None while that says nothing of a rate yet."""
        passed = min(at + self.length, self.now - SETTLED) - at
        enough = self.length if self.step == MINUTE else dt.timedelta(minutes=5)
        return passed.total_seconds() if passed >= enough else None


def span(begin: dt.datetime, end: dt.datetime, now: dt.datetime) -> Span:
    """Widen a range to the steps in which it is shown.

    Raises:
        Invalid: it ends before it begins, lies in the future, or is too long.
    """
    _check(begin, end, now)
    if end - begin <= BY_MINUTE and begin >= now - MINUTES_SHOWN:
        step = MINUTE
    elif end - begin <= BY_HOUR and begin >= now - HOURS_SHOWN:
        step = HOUR
    else:
        step = DAY
    return _in_steps(begin, end, step, now)


def finest(begin: dt.datetime, end: dt.datetime, now: dt.datetime, *, of_fleet: bool) -> Span:
    """Widen a range to the finest steps that are kept of the whole of it.

    Raises:
        Invalid: as `span`.
    """
    _check(begin, end, now)
    if begin >= now - (FLEET_MINUTES_SHOWN if of_fleet else MINUTES_SHOWN):
        step = MINUTE
    elif begin >= now - HOURS_SHOWN:
        step = HOUR
    else:
        step = DAY
    return _in_steps(begin, end, step, now)


def _check(begin: dt.datetime, end: dt.datetime, now: dt.datetime) -> None:
    if not begin < end:
        raise Invalid("to", "must be after the beginning")
    if begin > now:
        raise Invalid("from", "must not be in the future")
    if end - begin > LONGEST:
        raise Invalid("from", f"must be at most {LONGEST.days} days before the end")


def _in_steps(begin: dt.datetime, end: dt.datetime, step: int, now: dt.datetime) -> Span:
    length = dt.timedelta(minutes=step)
    first = (begin - _ORIGIN) // length
    after = -((_ORIGIN - end) // length)
    return Span(_ORIGIN + first * length, _ORIGIN + after * length, step, now)
