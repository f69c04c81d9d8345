"""Timelines: the topics of a container's and a connection's page, with facts, and records as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from app.extensions import db
from app.live.channels import Channel
from app.live.fragments import fragment
from app.live.news import BEGINNING, Line, Records, Signal
from app.queries import connections, messages

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from app.live.channels import Bell
    from app.live.news import News, Place
    from app.models import AcpMessage

KEPT_ROWS: Final = 500
"""The rows that a timeline keeps in a page (ux.md: at most 500–1000); `live.js` trims to as many."""


class Timeline(Channel):
    """A container or a connection: its facts, and its records as they are committed."""

    def __init__(self, subject_id: uuid.UUID, container_id: uuid.UUID) -> None:
        super().__init__()
        self._subject_id = subject_id
        self._container_id = container_id
        self._rung = False
        newest = self._read(limit=1)
        self._cursor = newest[0].id if newest else BEGINNING

    _read_records: ClassVar[Callable[..., Sequence[AcpMessage]]]
    _fragments: ClassVar[Sequence[str]]
    _made_of_records: ClassVar[Sequence[str]]
    """Fragments that may change with every record, too."""
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
        facts = super().refresh()
        if not self._rung:
            return facts
        self._rung = False
        records = self._after(self._cursor)
        if records.rows:
            self._cursor = records.rows[0].id
        return [*facts, *self._changed(self._subjects(self._made_of_records)), records]

    def missed(self, place: Place, *, first: bool) -> list[News]:
        facts = super().missed(place, first=first)
        if not first:
            return facts
        records = self._after(place.cursor)
        return [*facts, Signal({"caught_up": len(records.rows), "whole": records.whole}), records]

    def _after(self, cursor: uuid.UUID) -> Records:
        """Read what came after a cursor; all that a timeline keeps, where that is more."""
        found = self._read(after=cursor, limit=KEPT_ROWS + 1)
        whole = len(found) > KEPT_ROWS
        if whole:
            found = self._read(limit=KEPT_ROWS)
        return Records(lines("message_rows", found), whole)

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return self._subjects((*self._fragments, *self._made_of_records))

    def _subjects(self, names: Sequence[str]) -> Sequence[tuple[str, dict[str, Any]]]:
        return [(name, {f"{self._noun}_id": self._subject_id}) for name in names]


def lines(name: str, records: Sequence[AcpMessage]) -> Sequence[Line]:
    """Render each record by itself, with the fragment of this name: viewers lack different ones."""
    return [Line(each.id, each.connection_id, str(fragment(name, records=[each]))) for each in records]


class ContainerTimeline(Timeline):
    """A container's page."""

    _read_records = staticmethod(messages.of_container)
    _noun = "container"
    _fragments = (
        "container_state",
        "connection_actions",
        "container_connections",
        "migration_actions",
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
    _noun = "connection"
    _fragments = ("connection_state", "connection_transitions")
    _made_of_records = ("connection_waiting",)

    def __init__(self, connection_id: uuid.UUID) -> None:
        connection = connections.get(db.session(), connection_id)
        super().__init__(connection_id, connection.container_id)
