"""Whom a protocol migration would concern now: callers, sessions, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from app.protocol.blast import Blast
from app.queries.stuck import AGENTS, CALLERS, PROMPT_METHOD

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container

WITHIN: Final = 200
"""Of a connection's last requests so many are looked through for what is open; of many containers, fewer."""
WITHIN_OF_MANY: Final = 20

# Who is there counts under the present lease only: what was said before may be gone.
_OPEN: Final = """
    SELECT m.method FROM (
        SELECT id, method FROM acp_message WHERE connection_id = k.id AND {indexed}
        ORDER BY id DESC LIMIT :within
    ) m WHERE NOT EXISTS (SELECT FROM acp_message a WHERE a.reply_to = m.id)
"""
_BLAST: Final = text(f"""
    SELECT c.id, p.callers, p.sessions, coalesce(asked.requests, 0) AS requests,
           coalesce(asked.prompts, 0) AS prompts, coalesce(waiting.permissions, 0) AS permissions
    FROM container c
    LEFT JOIN container_lease l ON l.container_id = c.id AND l.gateway_id IS NOT NULL
        AND l.expires_at > clock_timestamp()
    LEFT JOIN container_presence p ON p.container_id = c.id AND p.epoch = l.epoch
    LEFT JOIN acp_connection k ON k.container_id = c.id AND k.status = 'connected'
    LEFT JOIN LATERAL (
        SELECT count(*) AS requests, count(*) FILTER (WHERE method = '{PROMPT_METHOD}') AS prompts
        FROM ({_OPEN.format(indexed=CALLERS)}) o
    ) asked ON true
    LEFT JOIN LATERAL (SELECT count(*) AS permissions FROM ({_OPEN.format(indexed=AGENTS)}) o) waiting ON true
    WHERE c.id = ANY(:ids)
""")  # noqa: S608 - of our own words alone


def of(session: Session, container: Container) -> Blast:
    """Return it of a container."""
    return _read(session, [container.id], WITHIN).get(container.id, Blast())


def of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Blast]:
    """Return it of many, each among its last few requests."""
    return _read(session, container_ids, WITHIN_OF_MANY)


def _read(session: Session, ids: Sequence[uuid.UUID], within: int) -> dict[uuid.UUID, Blast]:
    rows = session.execute(_BLAST, {"ids": list(ids), "within": within}).mappings()
    return {row["id"]: Blast.of(dict(row)) for row in rows}
