"""Figures beside a list, read once in a while by each process, however many pages show them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from flask import current_app

from app.queries import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sqlalchemy.orm import Session

    from app.queries.containers import Counts

Figures = TypeVar("Figures")

SECONDS: Final = 1.0
"""How old a count may be: as old as the live one, which is read as often."""
MOST: Final = 100
"""Figures that are kept; those of other filters and times start them afresh."""

_COUNTS: Final = "container counts"


class _Kept(NamedTuple):
    figures: Any
    until: float


def figures(key: Hashable, read: Callable[[], Figures], seconds: float = SECONDS) -> Figures:
    """Return what `read` returns, or has returned for the same key not longer ago than so many seconds."""
    known = _known()
    kept = known.get(key)
    if kept is None or time.monotonic() >= kept.until:
        if len(known) >= MOST:
            known.clear()
        kept = known[key] = _Kept(read(), time.monotonic() + seconds)
    found: Figures = kept.figures
    return found


def counts(session: Session) -> Counts:
    """Return how many containers there are, as of this second."""
    return figures(_COUNTS, lambda: containers.counts(session))


def forget() -> None:
    """Have the counts of containers read again: something has changed."""
    _known().pop(_COUNTS, None)


def _known() -> dict[Hashable, _Kept]:
    known: dict[Hashable, _Kept] = current_app.extensions.setdefault("recent_figures", {})
    return known
