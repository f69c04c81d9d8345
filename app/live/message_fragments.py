"""Messages and sessions, as pages and live updates show them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.live import message_rows
from app.live.lines import looked_up
from app.live.runs import runs
from app.queries import acp_sessions, connections, containers, fleet_sessions, messages
from app.queries.message_keys import Key

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.live.message_rows import Row
    from app.models import AcpMessage
    from app.queries.fleet_sessions import SessionFilter, SessionKey

NEIGHBOURS: Final = 3
MOST_AROUND: Final = 50
"""How many records before and after are shown beside one, and how many at most."""


def told(session: Session, container_id: uuid.UUID, session_id: str, view: str = "") -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    found = acp_sessions.records(session, container, session_id)
    return {"container": container, "session_id": session_id, "found": found, "view": view}


def sessions(session: Session, narrowed: SessionFilter, before: uuid.UUID | None = None) -> Mapping[str, Any]:
    page = fleet_sessions.page(session, narrowed, before=before)

    def load(missing: Sequence[SessionKey]) -> Mapping[SessionKey, Mapping[str, Any]]:
        found = fleet_sessions.of_keys(session, missing)
        return {key: {"key": key, "row": row} for key, row in found.items()}

    rows = looked_up("sessions/_fleet_row.html", page.sessions, load)
    return {"page": page, "narrowed": narrowed, "rows": rows}


def rows(session: Session, records: Sequence[AcpMessage | Key]) -> Mapping[str, Any]:
    return _runs(message_rows.rows(session, records))


def found_rows(session: Session, records: Sequence[AcpMessage | Key]) -> Mapping[str, Any]:
    names = {each.connection_id: each.container for each in records if isinstance(each, Key)}
    if unnamed := {each.connection_id for each in records} - names.keys():
        names |= connections.container_names(session, unnamed)
    return _runs(message_rows.rows(session, records, names))


def _runs(rows: Sequence[Row]) -> Mapping[str, Any]:
    """They are read the newest first, and shown the newest below."""
    return {"runs": list(runs(reversed(rows)))}


def pair(session: Session, message_id: uuid.UUID) -> Mapping[str, Any]:
    message = messages.get(session, message_id)
    return {"message": message, "counterpart": messages.counterpart(session, message)}


def around(session: Session, message_id: uuid.UUID, neighbours: int = NEIGHBOURS) -> Mapping[str, Any]:
    message = messages.get(session, message_id)
    limit = min(max(neighbours, 1), MOST_AROUND)
    beside = partial(messages.of_connection, session, message.connection_id, limit=limit)
    return {
        "message": message,
        "around": [*beside(before=message.id)[::-1], message, *beside(after=message.id)[::-1]],
    }
