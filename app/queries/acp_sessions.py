"""The ACP sessions of a container, and the records of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, select, true

from app.models import AcpConnection, AcpMessage
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.queries import message_search
from app.queries.message_filter import Term

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.queries.message_search import Found

RECENT: Final = 5_000
"""Records of each connection among which sessions are looked for."""
CONNECTIONS: Final = 20
SHOWN: Final = 1_000
"""Records of a session that a page shows: some turns with all their chunks."""


class Entry(NamedTuple):
    """A session in a list."""

    session_id: str
    first: dt.datetime
    last: dt.datetime
    prompts: int
    records: int


def of_container(session: Session, container_id: uuid.UUID, limit: int = 50) -> Sequence[Entry]:
    """Return the sessions that a container's latest records belong to, the last active first."""
    connections = (
        select(AcpConnection.id)
        .where(AcpConnection.container_id == container_id)
        .order_by(AcpConnection.id.desc())
        .limit(CONNECTIONS)
        .subquery()
    )
    recent = (
        select(AcpMessage.acp_session_id, AcpMessage.timestamp, AcpMessage.method, AcpMessage.rpc_kind)
        .where(AcpMessage.connection_id == connections.c.id)
        .order_by(AcpMessage.id.desc())
        .limit(RECENT)
        .lateral()
    )
    is_prompt = (recent.c.method == PROMPT) & (recent.c.rpc_kind == RpcKind.REQUEST)
    last = func.max(recent.c.timestamp)
    entries = (
        select(
            recent.c.acp_session_id,
            func.min(recent.c.timestamp),
            last,
            func.count().filter(is_prompt),
            func.count(),
        )
        .select_from(connections)
        .join(recent, true())
        .where(recent.c.acp_session_id.is_not(None))
        .group_by(recent.c.acp_session_id)
        .order_by(last.desc())
        .limit(limit)
    )
    return [Entry(*row) for row in session.execute(entries)]


def records(
    session: Session, container: Container, session_id: str, before: uuid.UUID | None = None
) -> Found:
    """Return a page of a session's records over the container's connections, the newest first."""
    terms = (Term("container", container.name), Term("session", session_id))
    return message_search.page(session, terms, before=before, limit=SHOWN)
