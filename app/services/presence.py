"""Who is with containers now, as their gateways say, stored of many in one statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

# Fenced by the leases in one go, which are locked in the order that all who lock many keep.
_NOTE = text("""
    WITH noted AS (
        SELECT v.* FROM jsonb_to_recordset(CAST(:noted AS jsonb))
            AS v (container_id uuid, epoch bigint, callers integer, sessions integer)
        JOIN container_lease l USING (container_id, epoch)
        WHERE l.gateway_id = :gateway ORDER BY container_id FOR SHARE OF l
    )
    INSERT INTO container_presence (container_id, epoch, callers, sessions)
    SELECT container_id, epoch, callers, sessions FROM noted
    ON CONFLICT (container_id) DO UPDATE SET
        epoch = excluded.epoch, callers = excluded.callers, sessions = excluded.sessions, at = now()
    RETURNING container_id
""")


class Presence(NamedTuple):
    """How many callers are with a container under a lease, and how many sessions are theirs."""

    container_id: uuid.UUID
    epoch: int
    callers: int
    sessions: int


def note(session: Session, gateway_id: uuid.UUID, noted: Sequence[Presence]) -> None:
    """Store it of many containers; those of lost leases are left out."""
    values = json.dumps([each._asdict() for each in noted], default=str)
    changed = session.scalars(_NOTE, {"noted": values, "gateway": gateway_id}).all()
    doorbell.tell_all(session, changed)
