"""Messages that a filter finds, as they come: the topic of the message viewer."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Final

from flask import url_for

from app.extensions import db
from app.live.channels import Channel
from app.live.news import BEGINNING, Records
from app.live.timelines import (
    FLOOD_SECONDS,
    KEPT_ROWS,
    MOST_AT_ONCE,
    SHOWN_OF_MORE,
    caught_up,
    lines,
    skipped,
)
from app.queries import message_arrivals
from app.queries.message_filter import write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from app.live.channels import Bell
    from app.live.news import News, Place
    from app.models import AcpMessage
    from app.queries.message_filter import Term

LATE_SECONDS: Final = 10
"""How much later than another gateway's a record may be committed and still reach who was away meanwhile."""
ONE_MILLISECOND: Final = 1 << 80  # of a UUIDv7


class Search(Channel):
    """A filter over the whole fleet.

    Several gateways commit at once, and none waits for the others' ids. So there is a cursor for each
    connection: what one gateway commits late is not taken for something that has been seen.
    """

    every = 0.1

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self._terms = terms
        self._begin = self._heard = message_arrivals.newest(db.session()) or BEGINNING
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
            rung |= message_arrivals.active_since(db.session(), self._heard)
        self._heard = message_arrivals.newest(db.session()) or BEGINNING
        records = self._new_on(rung)
        if records.skipped:
            self._wait(FLOOD_SECONDS)
        return [*news, records]

    def missed(self, place: Place, *, first: bool) -> list[News]:
        """Read what came after the viewer's last record, and what may have been committed late before it.

        The browser knows by the id which of these it has.
        """
        place.cursor = uuid.UUID(int=max(0, place.cursor.int - LATE_SECONDS * 1000 * ONE_MILLISECOND))
        session = db.session()
        found = message_arrivals.after(session, self._terms, place.cursor, limit=KEPT_ROWS + 1)
        if len(found) <= KEPT_ROWS:
            records = Records(lines("found_rows", found))
        else:
            count = message_arrivals.count_after(session, self._terms, place.cursor)
            records = self._latest(found[:KEPT_ROWS], count)
        return [*super().missed(place, first=first), caught_up(records), records]

    def _new_on(self, connections: AbstractSet[uuid.UUID]) -> Records:
        """Read what has been committed on some connections since the last time."""
        session = db.session()
        behind = {each: self._cursors.get(each, self._begin) for each in connections}
        last = message_arrivals.last_of(session, connections)
        found = message_arrivals.between(session, self._terms, behind, last, limit=MOST_AT_ONCE + 1)
        self._cursors |= last
        if len(found) <= MOST_AT_ONCE:
            return Records(lines("found_rows", found))
        count = message_arrivals.count_between(session, self._terms, behind, last)
        return self._latest(found[:SHOWN_OF_MORE], count)

    def _latest(self, found: Sequence[AcpMessage], count: int) -> Records:
        page = url_for("messages.index", filter=write(tuple(self._terms)) or None, before=found[-1].id)
        return Records(lines("found_rows", found), skipped(count - len(found), page, found[-1]))
