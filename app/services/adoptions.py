"""What a gateway left that did not stop cleanly, taken over for many containers in one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

from app.protocol.endings import Ending
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import open_requests
from app.services import connection_moves
from app.services.connection_moves import Move
from app.services.connections import Closed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import AcpMessage

REASON: Final = Ending.GATEWAY_GONE.told()

# Fenced as moves are. Requests may be open on the latest connections, too, if they had just been ended.
_LEFT = text("""
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked (container_id uuid, epoch bigint)
    ), held AS MATERIALIZED (
        SELECT l.container_id FROM asked JOIN container_lease l USING (container_id, epoch)
        WHERE l.gateway_id = :gateway ORDER BY container_id FOR SHARE OF l
    )
    SELECT held.container_id, k.id, k.status, k.protocol
    FROM held LEFT JOIN LATERAL (
        SELECT id, status, metadata ->> 'transport' AS protocol FROM acp_connection
        WHERE container_id = held.container_id AND status <> 'disconnected'
        UNION
        SELECT latest.*, protocol FROM unnest(CAST(:protocols AS text[])) AS protocol CROSS JOIN LATERAL (
            SELECT id, status FROM acp_connection
            WHERE container_id = held.container_id AND metadata ->> 'transport' = protocol
            ORDER BY id DESC LIMIT 1
        ) latest
    ) k ON true
    ORDER BY k.id
""")


class Adoption(NamedTuple):
    """A container that has been taken over, under which lease."""

    container_id: uuid.UUID
    epoch: int


class Left(NamedTuple):
    """A connection as it was left: with which status, and the requests that nobody will answer any more."""

    connection_id: uuid.UUID
    protocol: Protocol
    status: ConnectionStatus
    unanswered: Sequence[AcpMessage]


def adopt_many(
    session: Session, asked: Sequence[Adoption], gateway_id: uuid.UUID
) -> Sequence[Sequence[Left] | None]:
    """Return what was left of each container, None for a lost lease; what was connected is in `error` now.

    Its socket died with the gateway that had it. Whoever dials next recovers it.
    """
    parameters = {
        "asked": json.dumps([each._asdict() for each in asked], default=str),
        "gateway": gateway_id,
        "protocols": [str(each) for each in Protocol],
    }
    rows = session.execute(_LEFT, parameters).all()
    connections = [row for row in rows if row.id is not None]
    unanswered: dict[uuid.UUID, list[AcpMessage]] = defaultdict(list)
    for request in open_requests.on(session, [row.id for row in connections]):
        unanswered[request.connection_id].append(request)
    left: dict[uuid.UUID, list[Left]] = {row.container_id: [] for row in rows}
    for row in connections:
        found = Left(row.id, Protocol(row.protocol), ConnectionStatus(row.status), unanswered[row.id])
        if found.status is not ConnectionStatus.DISCONNECTED or found.unanswered:
            left[row.container_id].append(found)
    _lose(session, [each for each in asked if each.container_id in left], left, gateway_id)
    return [left.get(each.container_id) for each in asked]


def _lose(
    session: Session, held: Sequence[Adoption], left: dict[uuid.UUID, list[Left]], gateway_id: uuid.UUID
) -> None:
    """Move what is connected to `error`."""
    gone = Closed(Ending.GATEWAY_GONE.by, Ending.GATEWAY_GONE.code)
    moves = [
        Move(found.connection_id, each.container_id, each.epoch, ConnectionStatus.ERROR, REASON, closed=gone)
        for each in held
        for found in left[each.container_id]
        if found.status is ConnectionStatus.CONNECTED
    ]
    connection_moves.move_many(session, moves, gateway_id)
