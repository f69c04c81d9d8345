"""Moves of connections, of many in one statement (data model, State Transitions)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from app.models import new_id
from app.protocol.states import CONNECTION_MOVES, ConnectionStatus
from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.handshake import Negotiated
    from app.services.connections import Closed

SOURCES: Final[Mapping[ConnectionStatus, Sequence[ConnectionStatus]]] = {
    target: [source for source, targets in CONNECTION_MOVES.items() if target in targets]
    for target in ConnectionStatus
}
"""From where a connection may move to a status."""

SETTLED: Final = ("agent_info", "peer_connection_id", "last_error", "silent_since")
"""Keys of `metadata` that a handshake sets or, by succeeding, takes away."""

# Fenced and locked in the same orders as the vitals. A move that is not listed, of a lost lease, or to
# `connected` while the session is on the other protocol, or has another connection to come back, is left out:
# `move` says why. A first connection becomes the session's.
_MOVE_MANY = text("""
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked (
            transition_id uuid, connection_id uuid, container_id uuid, epoch bigint, sources text[],
            target text, reason text, closed_by text, close_code integer,
            version text, capabilities jsonb, facts jsonb, peer_id text)
    ), held AS MATERIALIZED (
        SELECT asked.* FROM asked JOIN container_lease l USING (container_id, epoch)
        WHERE l.gateway_id = :gateway ORDER BY container_id FOR SHARE OF l
    ), locked AS MATERIALIZED (
        SELECT k.id, k.status AS source, k.metadata ->> 'transport' AS protocol, held.*
        FROM acp_connection k JOIN held ON held.connection_id = k.id
        WHERE held.target <> 'connected' OR EXISTS (
            SELECT FROM container_session s
            WHERE s.container_id = k.container_id AND s.protocol_type = k.metadata ->> 'transport'
            AND (s.protocol_type = 'http' OR k.status = 'disconnected' OR s.acp_connection_id = k.id))
        ORDER BY k.id FOR NO KEY UPDATE OF k
    ), moved AS (
        UPDATE acp_connection k SET
            status = m.target,
            error_count = k.error_count + (m.target = 'error')::int,
            reconnect_count = k.reconnect_count + (m.source = 'reconnecting' AND m.target = 'connected')::int,
            version = coalesce(m.version, k.version),
            capabilities = CASE WHEN m.facts IS NULL THEN k.capabilities ELSE m.capabilities END,
            metadata = CASE WHEN m.facts IS NULL THEN k.metadata
                ELSE (coalesce(k.metadata, '{}') - CAST(:keys AS text[])) || m.facts END,
            connection_id = CASE WHEN EXISTS (
                SELECT FROM acp_connection o WHERE o.connection_id = m.peer_id AND o.id <> k.id
            ) THEN k.connection_id ELSE coalesce(m.peer_id, k.connection_id) END
        FROM locked m WHERE k.id = m.id AND m.source = ANY (m.sources)
        RETURNING k.id, k.container_id, m.protocol,
            m.transition_id, m.source, m.target, m.reason, m.closed_by, m.close_code
    ), pointed AS (
        UPDATE container_session s SET acp_connection_id = m.id
        FROM moved m WHERE s.container_id = m.container_id AND m.target = 'connected' AND m.protocol = 'acp'
        AND s.acp_connection_id IS DISTINCT FROM m.id
    )
    INSERT INTO acp_connection_transition
        (id, connection_id, from_status, to_status, reason, closed_by, close_code)
    SELECT transition_id, id, source, target, reason, closed_by, close_code FROM moved
    RETURNING connection_id
""")


class Settled(NamedTuple):
    """What a handshake has settled, as `established` stores it; `facts` are some of SETTLED."""

    version: str
    capabilities: dict[str, Any]
    facts: dict[str, Any]
    peer_id: str | None

    @classmethod
    def of(cls, negotiated: Negotiated, peer_id: str | None) -> Settled:
        """Take it from a handshake."""
        facts = {"agent_info": negotiated.agent_info, "peer_connection_id": peer_id}
        known = {name: value for name, value in facts.items() if value is not None}
        return cls(negotiated.version, negotiated.capabilities, known, peer_id)


class Move(NamedTuple):
    """A connection's move to another status, under which lease.

    To `connected` it comes with what was settled, to `error` and `disconnected` with who closed it.
    """

    connection_id: uuid.UUID
    container_id: uuid.UUID
    epoch: int
    target: ConnectionStatus
    reason: str
    settled: Settled | None = None
    closed: Closed | None = None


def move_many(session: Session, asked: Sequence[Move], gateway_id: uuid.UUID) -> Sequence[bool]:
    """Move many connections in one statement; tell of each whether it was moved.

    One that becomes `connected` for the first time becomes its session's, where that is on its protocol.

    Raises:
        IntegrityError: one of them breaks a rule; none is made.
    """
    values = [
        {
            "transition_id": new_id(),
            "connection_id": each.connection_id,
            "container_id": each.container_id,
            "epoch": each.epoch,
            "sources": SOURCES[each.target],
            "target": each.target,
            "reason": each.reason,
            "closed_by": each.closed.by if each.closed else None,
            "close_code": each.closed.code or None if each.closed else None,
            **(each.settled._asdict() if each.settled else {}),
        }
        for each in asked
    ]
    parameters = {"asked": json.dumps(values, default=str), "gateway": gateway_id, "keys": list(SETTLED)}
    made = set(session.scalars(_MOVE_MANY, parameters))
    doorbell.tell_all(session, [each.container_id for each in asked if each.connection_id in made])
    return [each.connection_id in made for each in asked]
