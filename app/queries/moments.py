"""Moments as people write them, in addresses, filters and commands: a time, or how long ago it was."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO: Final = re.compile(r"-?([0-9]{1,5})([smhd])")
_AT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Nothing is older."""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def moment(written: str) -> dt.datetime:
    """Read a time: ISO 8601, in UTC unless it says otherwise, or how long ago it is.

    Raises:
        ValueError: it is none.
    """
    if ago := _AGO.fullmatch(written):
        return now() - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if not _AT.fullmatch(written):
        raise ValueError(written)
    at = dt.datetime.fromisoformat(written)
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def read(text: str) -> dt.datetime | None:
    """Return the moment that a text names, none later than now and none before FIRST; None for no moment."""
    try:
        return min(max(moment(text), FIRST), now())
    except (ValueError, OverflowError):
        return None
