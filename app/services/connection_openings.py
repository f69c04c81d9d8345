"""New connections' rows, for the dials of many containers in one statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from app.models import new_id
from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.protocol.states import Protocol

# Fenced as moves are. Where a connection is active, or one over this protocol was never connected, there is
# a row to dial with, and `open_row` finds it.
_OPEN_MANY = text("""
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked (
            id uuid, container_id uuid, epoch bigint, protocol text, version text)
    ), held AS MATERIALIZED (
        SELECT asked.* FROM asked JOIN container_lease l USING (container_id, epoch)
        WHERE l.gateway_id = :gateway ORDER BY container_id FOR SHARE OF l
    ), opened AS (
        INSERT INTO acp_connection (id, connection_id, container_id, status, version, metadata)
        SELECT id, id, container_id, 'disconnected', version, jsonb_build_object('transport', protocol)
        FROM held WHERE NOT EXISTS (
            SELECT FROM acp_connection k WHERE k.container_id = held.container_id AND (
                k.status <> 'disconnected'
                OR k.metadata ->> 'transport' = held.protocol AND NOT EXISTS (
                    SELECT FROM acp_connection_transition t WHERE t.connection_id = k.id)))
        RETURNING id, container_id
    ), numbered AS (
        INSERT INTO acp_connection_sequence (connection_id) SELECT id FROM opened
    )
    SELECT container_id, id FROM opened
""")


class Opening(NamedTuple):
    """A container to be dialled, under which lease; `version` is what will be offered."""

    container_id: uuid.UUID
    epoch: int
    protocol: Protocol
    version: str


def open_many(
    session: Session, asked: Sequence[Opening], gateway_id: uuid.UUID
) -> Sequence[uuid.UUID | None]:
    """Open a row for each dial, numbered from 1; None for a lost lease, or where there is a row already.

    Raises:
        IntegrityError: one of them breaks a rule; none is opened.
    """
    values = [{"id": new_id(), **each._asdict()} for each in asked]
    parameters = {"asked": json.dumps(values, default=str), "gateway": gateway_id}
    opened = {row.container_id: row.id for row in session.execute(_OPEN_MANY, parameters)}
    doorbell.tell_all(session, list(opened))
    return [opened.get(each.container_id) for each in asked]
