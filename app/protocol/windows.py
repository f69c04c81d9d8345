"""Windows of time in which something may begin: days and hours on the clocks of a zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from app.errors import Invalid

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days of the week (as in `DAYS`), and from when until when, as `22:00`, on the clocks of a zone.

    One that ends before it begins goes on into the next day and belongs to the day on which it begins; one
    that ends when it begins lasts the whole day. Clocks that are set forward past its beginning open it at
    once, and an hour that they show twice counts twice.
    """

    days: tuple[str, ...] = DAYS
    begins: str = "00:00"
    ends: str = "00:00"
    zone: str = "UTC"

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        if not self.days or not set(self.days) <= set(DAYS):
            raise Invalid("window_days", f"choose at least one of {', '.join(DAYS)}")
        _time("window_begins", self.begins)
        _time("window_ends", self.ends)
        if self.zone not in available_timezones():
            raise Invalid("window_zone", f"{self.zone!r} is not a time zone; write it such as Europe/Berlin")

    def is_open(self, now: dt.datetime) -> bool:
        """Tell whether it is open at an instant."""
        local = now.astimezone(ZoneInfo(self.zone))
        at, begins, ends = local.time(), _time("", self.begins), _time("", self.ends)
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        if begins < ends:
            return today in self.days and begins <= at < ends
        return (today in self.days and at >= begins) or (yesterday in self.days and at < ends)

    def opens_at(self, now: dt.datetime) -> dt.datetime:
        """Return when it opens next, in UTC: now if it is open."""
        if self.is_open(now):
            return now
        zone, begins = ZoneInfo(self.zone), _time("", self.begins)
        first = now.astimezone(zone).date()
        for day in (first + dt.timedelta(days=number) for number in range(9)):
            if DAYS[day.weekday()] not in self.days:
                continue
            # Both folds are one instant, but for a time that the clocks skip, where the gap ends in between,
            # and for one that they show twice.
            local = dt.datetime.combine(day, begins, zone)
            either = [local.replace(fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
            at = max(min(either), now)
            while at < max(either) and not self.is_open(at):
                at += MINUTE
            if self.is_open(at):
                return at
        raise AssertionError(f"{self} never opens")  # a week has every day

    def __str__(self) -> str:
        days = "every day" if set(self.days) == set(DAYS) else ", ".join(self.days)
        hours = "all day" if self.begins == self.ends else f"{self.begins}–{self.ends}"
        return f"{days}, {hours}, {self.zone}"


def _time(name: str, text: str) -> dt.time:
    try:
        return dt.datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of the day has no zone
    except ValueError as error:
        raise Invalid(name, f"{text!r} is not a time such as 22:00") from error
