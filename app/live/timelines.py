"""Timelines: the topics of a container's and a connection's page, with facts, and records as they come."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Final

from flask import render_template, url_for

from app.extensions import db
from app.live.channels import Channel
from app.live.fragments import fragment
from app.live.news import BEGINNING, Line, Records, Signal
from app.protocol.frames import RpcKind
from app.queries import connections, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.live.channels import Bell
    from app.live.news import News, Place
    from app.models import AcpMessage

KEPT_ROWS: Final = 500
"""The rows that a timeline keeps in a page (ux.md: at most 500 to 1000); `timeline.js` trims to as many."""
MOST_AT_ONCE: Final = 100
SHOWN_OF_MORE: Final = 40
"""Of more new records than the first, so many are shown; a row in the place of the others counts them."""
MOST_A_SECOND: Final = 300
"""A reading that comes late may bring more at once, at this rate: it is no flood that made it so."""
FLOOD_SECONDS: Final = 0.5
"""Between two readings while more comes than can be shown."""


class Timeline(Channel):
    """A container or a connection: its facts, and its records as they are committed."""

    every = 0.05

    def __init__(self, subject_id: uuid.UUID, container_id: uuid.UUID) -> None:
        super().__init__()
        self._subject_id = subject_id
        self._container_id = container_id
        self._rung = False
        self._read_at = time.monotonic()
        newest = self._read(limit=1)
        self._cursor = newest[0].id if newest else BEGINNING

    _read_records: ClassVar[Callable[..., Sequence[AcpMessage]]]
    _count_records: ClassVar[Callable[..., int]]
    _fragments: ClassVar[Sequence[str]]
    _made_of_records: ClassVar[Sequence[str]]
    """Fragments that may change with a record that asks or answers, too."""
    _noun: ClassVar[str]

    def _read(self, **bounds: Any) -> Sequence[AcpMessage]:
        return self._read_records(db.session(), self._subject_id, **bounds)

    def hear(self, bell: Bell) -> None:
        if bell.container_id != self._container_id:
            return
        if bell.connection_id is None:
            self._stale = True
        elif self._subject_id in bell:
            self._rung = True

    def hear_all(self) -> None:
        super().hear_all()
        self._rung = True

    @property
    def stale(self) -> bool:
        return self._stale or self._rung

    def refresh(self) -> list[News]:
        news = super().refresh()
        if not self._rung:
            return news
        self._rung = False
        now, before = time.monotonic(), self._read_at
        most = min(KEPT_ROWS, max(MOST_AT_ONCE, int((now - before) * MOST_A_SECOND)))
        self._read_at = now
        found, left_out = self._after(self._cursor, most, SHOWN_OF_MORE)
        if found:
            self._cursor = found[0].id
        if left_out:
            self._wait(FLOOD_SECONDS)
        if left_out or any(map(_asks_or_answers, found)):
            news += self._changed(self._subjects(self._made_of_records))
        return [*news, Records(lines("message_rows", found), left_out)]

    def missed(self, place: Place, *, first: bool) -> list[News]:
        # Up to where the others are, and no further: what comes next, and is counted from there, fits then.
        found, left_out = self._after(place.cursor, KEPT_ROWS, KEPT_ROWS, until=self._cursor)
        records = Records(lines("message_rows", found), left_out)
        return [*super().missed(place, first=first), caught_up(records), records]

    def _after(
        self, cursor: uuid.UUID, most: int, shown: int, until: uuid.UUID | None = None
    ) -> tuple[Sequence[AcpMessage], str]:
        """Read what came after a cursor; of more than `most` the latest, and a row that says so."""
        found = self._read(after=cursor, limit=most + 1)
        if until is not None:
            found = [each for each in found if each.id <= until]
        if len(found) <= most:
            return found, ""
        latest = self._read(before=uuid.UUID(int=until.int + 1) if until else None, limit=shown)
        count = self._count_records(db.session(), self._subject_id, after=cursor, before=latest[-1].id)
        named: dict[str, Any] = {f"{self._noun}_id": self._subject_id, "before": latest[-1].id}
        page = url_for(f"{self._noun}s.show", **named)
        return latest, skipped(count, f"{page}#timeline", latest[-1])

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return self._subjects((*self._fragments, *self._made_of_records))

    def _subjects(self, names: Sequence[str]) -> Sequence[tuple[str, dict[str, Any]]]:
        return [(name, {f"{self._noun}_id": self._subject_id}) for name in names]


def _asks_or_answers(record: AcpMessage) -> bool:
    return record.rpc_kind == RpcKind.REQUEST or record.reply_to is not None


def lines(name: str, records: Sequence[AcpMessage]) -> Sequence[Line]:
    """Render each record by itself, with the fragment of this name: viewers lack different ones."""
    return [Line(each.id, each.connection_id, str(fragment(name, records=[each]))) for each in records]


def skipped(count: int, page: str, below: AcpMessage) -> str:
    """Render the row that stands for records that were not shown, with a link to them."""
    return render_template("messages/_skipped.html", count=count, page=page, below=below).strip()


def caught_up(records: Records) -> Signal:
    """Say how many rows a browser gets that it has missed, and whether there are more than it gets."""
    return Signal({"caught_up": len(records.rows), "more": bool(records.skipped)})


class ContainerTimeline(Timeline):
    """A container's page."""

    _read_records = staticmethod(messages.of_container)
    _count_records = staticmethod(messages.count_of_container)
    _noun = "container"
    _fragments = (
        "container_state",
        "connection_actions",
        "container_connections",
        "container_band",
        "container_spans",
        "container_ends",
        "container_rollouts",
        "migration_actions",
        "way_home",
        "migration_history",
        "configuration_values",
        "configuration_revisions",
    )
    _made_of_records = ("container_waiting",)

    def __init__(self, container_id: uuid.UUID) -> None:
        super().__init__(container_id, container_id)


class ConnectionTimeline(Timeline):
    """A connection's page."""

    _read_records = staticmethod(messages.of_connection)
    _count_records = staticmethod(messages.count_of_connection)
    _noun = "connection"
    _fragments = (
        "connection_state",
        "connection_transitions",
        "connection_band",
        "connection_spans",
        "connection_ends",
    )
    _made_of_records = ("connection_waiting",)

    def __init__(self, connection_id: uuid.UUID) -> None:
        connection = connections.get(db.session(), connection_id)
        super().__init__(connection_id, connection.container_id)
