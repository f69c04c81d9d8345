"""Messages and sessions, as pages and live updates show them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.queries import (
    acp_sessions,
    connections,
    containers,
    fleet_sessions,
    messages,
)

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import AcpMessage
    from app.queries.fleet_sessions import SessionFilter

NEIGHBOURS: Final = 3
MOST_AROUND: Final = 50
"""How many records before and after are shown beside one, and how many at most."""


def told(session: Session, container_id: uuid.UUID, session_id: str, view: str = "") -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    found = acp_sessions.records(session, container, session_id)
    return {"container": container, "session_id": session_id, "found": found, "view": view}


def sessions(session: Session, narrowed: SessionFilter) -> Mapping[str, Any]:
    return {"page": fleet_sessions.page(session, narrowed), "narrowed": narrowed}


def rows(_: Session, records: Sequence[AcpMessage]) -> Mapping[str, Any]:
    return {"records": records}


def found_rows(session: Session, records: Sequence[AcpMessage]) -> Mapping[str, Any]:
    return {
        "records": records,
        "names": connections.container_names(session, {each.connection_id for each in records}),
    }


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
