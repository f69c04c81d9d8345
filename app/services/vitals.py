"""What keep-alive has found of connections, stored of many in one statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

VITALS: Final = ("latency_ms", "silent_since")
"""Keys of `metadata`: the last health request's round trip, and since when the agent owes one."""

# Fenced by the leases in one go. Rows are locked in an order, for the announcer also updates many at once.
_NOTE_VITALS = text("""
    WITH noted AS (
        SELECT v.* FROM jsonb_to_recordset(CAST(:noted AS jsonb))
            AS v (connection_id uuid, container_id uuid, epoch bigint, facts jsonb)
        JOIN container_lease l USING (container_id, epoch)
        WHERE l.gateway_id = :gateway ORDER BY container_id FOR SHARE OF l
    ), locked AS (
        SELECT k.id, noted.facts FROM acp_connection k JOIN noted ON noted.connection_id = k.id
        ORDER BY k.id FOR NO KEY UPDATE OF k
    )
    UPDATE acp_connection k
    SET metadata = (coalesce(k.metadata, '{}') - CAST(:keys AS text[])) || locked.facts
    FROM locked WHERE k.id = locked.id RETURNING k.container_id
""")


class Vitals(NamedTuple):
    """What keep-alive has found of a connection, under which lease; `facts` are some of VITALS."""

    connection_id: uuid.UUID
    container_id: uuid.UUID
    epoch: int
    facts: dict[str, Any]


def note(session: Session, gateway_id: uuid.UUID, noted: Sequence[Vitals]) -> None:
    """Store the vitals of many connections in one statement; those of lost leases are left out."""
    values = json.dumps([each._asdict() for each in noted], default=str)
    parameters = {"noted": values, "gateway": gateway_id, "keys": list(VITALS)}
    doorbell.tell_all(session, session.scalars(_NOTE_VITALS, parameters).all())
