"""Waiting at the command line for what a gateway is to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from app.extensions import db

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS: Final = 0.1


class Asked(Protocol):
    """What was asked for: open until it has an outcome."""

    @property
    def open(self) -> bool: ...


def until_ended(look: Callable[[], Asked], seconds: float) -> None:
    """Read something again and again until it has an outcome, or so many seconds have passed."""
    deadline = time.monotonic() + seconds
    while look().open and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        db.session.rollback()  # a new transaction sees what was committed since
