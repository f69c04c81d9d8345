"""Messages that a filter finds, as they come: the topic of the message viewer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.extensions import db
from app.live.channels import Channel
from app.live.news import BEGINNING, Records, Signal
from app.live.timelines import KEPT_ROWS, lines
from app.queries import message_search

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from app.live.channels import Bell
    from app.live.news import News, Place
    from app.models import AcpMessage
    from app.queries.message_filter import Term


class Search(Channel):
    """A filter over the whole fleet.

    Several gateways commit at once, and none waits for the others' ids. So there is a cursor for each
    connection: what one gateway commits late is not taken for something that has been seen.
    """

    every = 0.1

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self._terms = terms
        self._begin = self._heard = message_search.newest(db.session()) or BEGINNING
        self._cursors: dict[uuid.UUID, uuid.UUID] = {}
        self._rung: set[uuid.UUID] = set()
        self._lock = threading.Lock()

    def hear(self, bell: Bell) -> None:
        if bell.connection_id is not None:
            with self._lock:
                self._rung.add(bell.connection_id)

    @property
    def stale(self) -> bool:
        return self._stale or bool(self._rung)

    def refresh(self) -> list[News]:
        bells_were_missed = self._stale
        news = super().refresh()
        with self._lock:
            rung, self._rung = self._rung, set()
        if bells_were_missed:
            rung |= message_search.active_since(db.session(), self._heard)
        self._heard = message_search.newest(db.session()) or BEGINNING
        return [*news, self._new_on(rung)]

    def missed(self, place: Place, *, first: bool) -> list[News]:
        if not first:
            return []
        found = message_search.after(db.session(), self._terms, place.cursor, limit=KEPT_ROWS + 1)
        records = self._records(found)
        return [Signal({"caught_up": len(records.rows), "whole": records.whole}), records]

    def _new_on(self, connections: AbstractSet[uuid.UUID]) -> Records:
        """Read what has been committed on some connections since the last time."""
        session = db.session()
        behind = {each: self._cursors.get(each, self._begin) for each in connections}
        last = message_search.last_of(session, connections)
        found = message_search.between(session, self._terms, behind, last, limit=KEPT_ROWS + 1)
        self._cursors |= last
        return self._records(found)

    def _records(self, found: Sequence[AcpMessage]) -> Records:
        return Records(lines("found_rows", found[:KEPT_ROWS]), whole=len(found) > KEPT_ROWS)
