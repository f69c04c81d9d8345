"""The ACP sessions of a container, and the records of one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Uuid, bindparam, func, literal_column, select, text, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.protocol.sessions import RecordedSession
from app.queries import message_search, plain
from app.queries.fixed import fixed
from app.queries.message_filter import Term
from app.queries.paging import KEPT
from app.queries.stuck import CALLERS

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import FromClause, Select
    from sqlalchemy.orm import Session

    from app.models import Container
    from app.queries.message_search import Found

RECENT: Final = 5_000
"""Records of each connection among which sessions are looked for."""
CONNECTIONS: Final = 20
ASKED: Final = 500
"""Of each connection's last requests of callers so many are looked through for who has made a session."""
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
    return [Entry._make(row) for row in plain.read(session, _entries(limit), {"of": container_id})]


@lru_cache(KEPT)
def _entries(limit: int) -> Select[Any]:
    connections = (
        select(AcpConnection.id)
        .where(AcpConnection.container_id == bindparam("of", type_=Uuid))
        .order_by(AcpConnection.id.desc())
        .limit(fixed(CONNECTIONS))
        .subquery()
    )
    recent = (
        select(AcpMessage.acp_session_id, AcpMessage.timestamp, AcpMessage.method, AcpMessage.rpc_kind)
        .where(AcpMessage.connection_id == connections.c.id, AcpMessage.id >= _floor(connections))
        .order_by(AcpMessage.id.desc())
        .limit(fixed(RECENT))
        .lateral()
    )
    is_prompt = (recent.c.method == PROMPT) & (recent.c.rpc_kind == fixed(RpcKind.REQUEST))
    last = func.max(recent.c.timestamp)
    return (
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
        .limit(fixed(limit))
    )


def _floor(connection: FromClause) -> Any:
    """Return the first of each connection's latest records, found in the index alone.

    The planner takes each connection for one of average length: without this bound it would read a long one
    whole, to sort it.
    """
    record = aliased(AcpMessage)
    first = (
        select(record.id)
        .where(record.connection_id == connection.c.id)
        .order_by(record.id.desc())
        .limit(fixed(1))
        .offset(fixed(RECENT - 1))
        .correlate(connection)
    )
    return func.coalesce(first.scalar_subquery(), literal_column(f"'{message_search.BEGINNING}'::uuid"))


def records(
    session: Session, container: Container, session_id: str, before: uuid.UUID | None = None
) -> Found[AcpMessage]:
    """Return a page of a session's records over the container's connections, the newest first."""
    terms = (Term("container", container.name), Term("session", session_id))
    return message_search.page(session, terms, before=before, limit=SHOWN)


# By the index of callers' requests; an answer is looked up only of those that have made a session.
_MADE: Final = text(f"""
    SELECT asked.caller, asked.payload -> 'params' AS params,
           CASE asked.method WHEN 'session/fork' THEN answer.payload #>> '{{result,sessionId}}'
                ELSE answer.acp_session_id END AS session_id
    FROM (
        SELECT id FROM acp_connection WHERE container_id = :container ORDER BY id DESC LIMIT {CONNECTIONS}
    ) k
    CROSS JOIN LATERAL (
        SELECT id, method, acp_session_id, caller, payload FROM acp_message
        WHERE connection_id = k.id AND {CALLERS} ORDER BY id DESC LIMIT {ASKED}
    ) asked
    JOIN acp_message answer ON answer.reply_to = asked.id AND answer.rpc_kind = 'response'
    WHERE asked.method IN ('session/new', 'session/fork', 'session/load', 'session/resume')
    ORDER BY asked.id
""")  # noqa: S608 - of our own words alone


def made_at(session: Session, container_id: uuid.UUID) -> Sequence[RecordedSession]:
    """Return which sessions callers have made or taken up, among the last requests at a container.

    The latest stand last. What they were made with is as it was recorded, redacted.
    """
    rows = session.execute(_MADE, {"container": container_id})
    return [RecordedSession.of(row.session_id, row.caller, row.params) for row in rows if row.session_id]
