"""The counts of the list, read once a second at most by each process, however many pages show them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import current_app

from app.queries import containers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.queries.containers import Counts

SECONDS: Final = 1.0
"""How old a count may be: as old as the live one, which is read as often."""

_KEPT: Final = "container_counts"


class _Kept(NamedTuple):
    counts: Counts
    until: float


def counts(session: Session) -> Counts:
    """Return how many containers there are, as of this second."""
    kept: _Kept | None = current_app.extensions.get(_KEPT)
    if kept is None or time.monotonic() >= kept.until:
        kept = _Kept(containers.counts(session), time.monotonic() + SECONDS)
        current_app.extensions[_KEPT] = kept
    return kept.counts


def forget() -> None:
    """Have the counts read again: something has changed."""
    current_app.extensions.pop(_KEPT, None)
