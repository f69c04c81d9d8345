"""The ACP sessions of a container, and the records of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from app.protocol.classify import PING_METHOD
from app.protocol.sessions import RecordedSession
from app.queries import message_search
from app.queries.message_filter import Term

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import AcpMessage, Container
    from app.queries.message_search import Found

CONNECTIONS: Final = 20
ASKED: Final = 500
"""Of each connection's last requests of callers so many are looked through for who has made a session."""
CALLERS: Final = (
    "acp_message.direction = 'outbound' AND acp_message.rpc_kind = 'request'"
    f" AND acp_message.method <> '{PING_METHOD}'"
)
"""As the index of callers' requests has it, word for word, so that the planner sees that it serves."""
SHOWN: Final = 1_000
"""Records of a session that a page shows: some turns with all their chunks."""


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
