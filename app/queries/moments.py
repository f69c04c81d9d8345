"""Moments as a URL writes them: `2026-11-24T10:00` in UTC, or how long ago, such as `15m`, `8h` or `2d`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_AGO: Final = re.compile(r"-?([0-9]{1,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Nothing is older."""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def read(text: str) -> dt.datetime | None:
    """Return the moment that a text names, none later than now and none before FIRST; None for no moment."""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            found = now() - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            found = dt.datetime.fromisoformat(text)
            found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
        return min(max(found, FIRST), now())
    except (ValueError, OverflowError):
        return None
