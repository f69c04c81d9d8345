"""Whom a protocol migration would concern now: callers, sessions, and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from app.protocol.blast import Blast
from app.protocol.conversation import PROMPT

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container

# Who is there counts under the present lease only: what was said before may be gone.
_BLAST: Final = text(f"""
    SELECT c.id, p.callers, p.sessions, open.requests, open.prompts, open.permissions
    FROM container c
    LEFT JOIN container_lease l ON l.container_id = c.id AND l.gateway_id IS NOT NULL
        AND l.expires_at > clock_timestamp()
    LEFT JOIN container_presence p ON p.container_id = c.id AND p.epoch = l.epoch
    LEFT JOIN acp_connection k ON k.container_id = c.id AND k.status = 'connected'
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE direction = 'outbound') AS requests,
               count(*) FILTER (WHERE direction = 'outbound' AND method = '{PROMPT}') AS prompts,
               count(*) FILTER (WHERE direction = 'inbound') AS permissions
        FROM acp_open_request o
        WHERE connection_id = k.id AND NOT EXISTS (SELECT FROM acp_message a WHERE a.reply_to = o.id)
    ) open
    WHERE c.id = ANY(:ids)
""")  # noqa: S608 - of our own words alone


def of(session: Session, container: Container) -> Blast:
    """Return it of a container."""
    return of_many(session, [container.id]).get(container.id, Blast())


def of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Blast]:
    """Return it of many; those that are removed by now are left out."""
    rows = session.execute(_BLAST, {"ids": list(container_ids)}).mappings()
    return {row["id"]: Blast.of(dict(row)) for row in rows}
