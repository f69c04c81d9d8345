"""Records as the recorder leaves them, numbered without gaps, and what a plain query says of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text

from app.models import AcpConnectionSequence, AcpMessage, new_id
from app.protocol.states import Protocol
from app.queries import containers as stored
from app.services import configurations, connections, containers
from app.services.configurations import ConfigurationValues
from app.services.containers import ContainerValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

MOMENT = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


def container(session: Session, name: str = "web-1") -> uuid.UUID:
    """Register a container; return its id."""
    given = ContainerValues(
        name=name, endpoint_url="http://127.0.0.1:9000", supported_protocols=("http", "acp")
    )
    return containers.register(session, given, TESTER).id


def measured(session: Session, name: str, *, on: bool) -> None:
    """Have a container's metrics kept, or not."""
    row = stored.get(session, name)
    values = replace(ConfigurationValues.of(row.configuration), enable_metrics=on)
    configurations.update(session, row.configuration, values, TESTER, "to see")


def connect(session: Session, container_id: uuid.UUID, transport: Protocol = Protocol.ACP) -> uuid.UUID:
    """Open a connection whose records are numbered, after ending the container's active one."""
    row = connections.open_row(session, container_id, transport, "1.0.0")
    connections.begin_sequences(session, [row.id])
    session.flush()
    return row.id


def record(session: Session, connection_id: uuid.UUID, rows: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
    """Store records with the connection's next numbers; return their ids."""
    counter = session.execute(
        select(AcpConnectionSequence).where(AcpConnectionSequence.connection_id == connection_id)
    ).scalar_one()
    plain = {
        "connection_id": connection_id,
        "direction": "inbound",
        "message_type": "event",
        "method": "session/update",
        "size": 100,
        "error": False,
        "processing_time": None,
    }
    made = [
        plain | {"id": new_id(), "timestamp": MOMENT, "seq": counter.last_seq + number} | row
        for number, row in enumerate(rows, 1)
    ]
    if made:
        session.execute(insert(AcpMessage), made)
    counter.last_seq += len(made)
    session.flush()
    return [each["id"] for each in made]


_PLAIN = text("""
    SELECT m.connection_id, s.step, date_trunc(s.unit, m.timestamp, 'UTC') AS at, m.message_type, m.direction,
        coalesce(m.method, ''), count(*), count(*) FILTER (WHERE m.error), sum(m.size),
        count(m.processing_time)
    FROM acp_message m
    CROSS JOIN (VALUES (1, 'minute'), (60, 'hour'), (1440, 'day')) AS s (step, unit)
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
""")
_ROLLED = text("""
    SELECT connection_id, step, at, message_type, direction, method, sum(messages), sum(errors), sum(bytes),
        coalesce(sum(messages) FILTER (WHERE bin > 0), 0)
    FROM message_rollup GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
""")
_FLEET = text("""
    SELECT step, at, transport, message_type, direction, method, bin, messages, errors, bytes
    FROM fleet_rollup ORDER BY 1, 2, 3, 4, 5, 6, 7
""")
_FLEET_OF_CONNECTIONS = text("""
    SELECT step, at, k.metadata ->> 'transport', message_type, direction, method, bin,
        sum(messages), sum(errors), sum(bytes)
    FROM message_rollup r JOIN acp_connection k ON k.id = r.connection_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
""")


def plain(session: Session) -> list[tuple[Any, ...]]:
    """Count the records themselves: by connection, step, time, type, direction and method."""
    return [tuple(row) for row in session.execute(_PLAIN)]


def rolled(session: Session) -> list[tuple[Any, ...]]:
    """Return the same from the rollups."""
    return [tuple(row) for row in session.execute(_ROLLED)]


def fleet(session: Session) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.execute(_FLEET)]


def fleet_of_connections(session: Session) -> list[tuple[Any, ...]]:
    """Return what the fleet's rollups must be while no container has been removed."""
    return [tuple(row) for row in session.execute(_FLEET_OF_CONNECTIONS)]


_PLAIN_SESSIONS = text("""
    SELECT k.container_id, m.acp_session_id, min(m.timestamp), max(m.timestamp),
        count(*) FILTER (WHERE m.method = 'session/prompt' AND m.rpc_kind = 'request'), count(*)
    FROM acp_message m JOIN acp_connection k ON k.id = m.connection_id
    WHERE m.acp_session_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
""")
_KEPT_SESSIONS = text("""
    SELECT container_id, session_id, first_at, last_at, prompts, messages FROM acp_session
    WHERE active_at <= last_at AND active_at >= last_at - interval '30 seconds' ORDER BY 1, 2
""")


def plain_sessions(session: Session) -> list[tuple[Any, ...]]:
    """Count the records themselves by container and session, with the first and the last time of each."""
    return [tuple(row) for row in session.execute(_PLAIN_SESSIONS)]


def kept_sessions(session: Session) -> list[tuple[Any, ...]]:
    """Return the same as it is kept; what would stand in a wrong place of a list, is left out."""
    return [tuple(row) for row in session.execute(_KEPT_SESSIONS)]
