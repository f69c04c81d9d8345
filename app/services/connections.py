"""A connection's life: opened, established, failing, ended; each move with its reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.errors import Invalid
from app.models import AcpConnection, AcpConnectionSequence, AcpConnectionTransition, new_id
from app.protocol.endings import US
from app.protocol.states import ConnectionStatus, check_connection_move, is_semver
from app.queries import messages
from app.services import doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.handshake import Negotiated
    from app.protocol.states import Protocol

VITALS: Final = ("latency_ms", "silent_since")
"""Keys of `metadata`: the last health request's round trip, and since when the agent owes one."""

RECOVERY: Final[Mapping[ConnectionStatus, Sequence[ConnectionStatus]]] = {
    ConnectionStatus.ERROR: (ConnectionStatus.CONNECTED,),
    ConnectionStatus.RECONNECTING: (ConnectionStatus.ERROR,),
    ConnectionStatus.CONNECTED: (ConnectionStatus.RECONNECTING,),
}
"""To where `move_many` moves, and from where (data model, State Transitions 3 and 4)."""

SETTLED: Final = ("agent_info", "peer_connection_id", "last_error", "silent_since")
"""Keys of `metadata` that a handshake sets or, by succeeding, takes away."""

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


# Fenced and locked in the same orders as the vitals. A move that is not listed, of a lost lease, or to
# `connected` while the session does not wait for this connection, is left out: `move` says why.
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
        SELECT k.id, k.status AS source, held.* FROM acp_connection k JOIN held ON held.connection_id = k.id
        WHERE held.target <> 'connected' OR EXISTS (
            SELECT FROM container_session s WHERE s.protocol_type = 'acp' AND s.acp_connection_id = k.id)
        ORDER BY k.id FOR NO KEY UPDATE OF k
    ), moved AS (
        UPDATE acp_connection k SET
            status = m.target,
            error_count = k.error_count + (m.target = 'error')::int,
            reconnect_count = k.reconnect_count + (m.target = 'connected')::int,
            version = coalesce(m.version, k.version),
            capabilities = CASE WHEN m.facts IS NULL THEN k.capabilities ELSE m.capabilities END,
            metadata = CASE WHEN m.facts IS NULL THEN k.metadata
                ELSE (coalesce(k.metadata, '{}') - CAST(:keys AS text[])) || m.facts END,
            connection_id = CASE WHEN EXISTS (
                SELECT FROM acp_connection o WHERE o.connection_id = m.peer_id AND o.id <> k.id
            ) THEN k.connection_id ELSE coalesce(m.peer_id, k.connection_id) END
        FROM locked m WHERE k.id = m.id AND m.source = ANY (m.sources)
        RETURNING k.id, m.transition_id, m.source, m.target, m.reason, m.closed_by, m.close_code
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


class Closed(NamedTuple):
    """Who closed a connection (us, peer, network), and with which close code; 0 for none."""

    by: str
    code: int


class Move(NamedTuple):
    """A connection's move to another status, under which lease.

    To `connected` it comes with what was settled, to `error` with who closed the connection.
    """

    connection_id: uuid.UUID
    container_id: uuid.UUID
    epoch: int
    target: ConnectionStatus
    reason: str
    settled: Settled | None = None
    closed: Closed | None = None


class Vitals(NamedTuple):
    """What keep-alive has found of a connection, under which lease; `facts` are some of VITALS."""

    connection_id: uuid.UUID
    container_id: uuid.UUID
    epoch: int
    facts: dict[str, Any]


def open_row(session: Session, container_id: uuid.UUID, transport: Protocol, version: str) -> AcpConnection:
    """Return the row for a dial: the one whose first dial never succeeded, or a new one, `disconnected`.

    `version` is the one that will be offered, until the handshake settles it.

    Raises:
        Invalid: there is no such container, or the version is not semantic.
    """
    _check(version)
    unused = (
        select(AcpConnection)
        .where(
            AcpConnection.container_id == container_id, AcpConnection.status == ConnectionStatus.DISCONNECTED
        )
        .where(AcpConnection.metadata_["transport"].astext == transport.value)
        .where(~AcpConnection.transitions.any())
        .limit(1)
    )
    connection = session.scalar(unused)
    if connection is None:
        row_id = new_id()
        connection = AcpConnection(
            id=row_id,
            connection_id=str(row_id),
            container_id=container_id,
            status=ConnectionStatus.DISCONNECTED,
            version=version,
            metadata_={"transport": transport.value},
        )
        with enforced(session):
            session.add(connection)
            session.flush()
    doorbell.tell(session, container_id)
    return connection


def begin_sequence(session: Session, connection_id: uuid.UUID) -> None:
    """Have a connection's records numbered by the database, after the highest number that is stored.

    A gateway of a version that counted in memory may have stored records after this row was made. In a
    transaction of its own: the recorder's batches lock these rows in no particular order.
    """
    last = messages.last_seq(session, connection_id)
    made = insert(AcpConnectionSequence).values(connection_id=connection_id, last_seq=last)
    session.execute(
        made.on_conflict_do_update(
            index_elements=[AcpConnectionSequence.connection_id],
            set_={"last_seq": func.greatest(AcpConnectionSequence.last_seq, made.excluded.last_seq)},
        )
    )


def dial_failed(session: Session, connection: AcpConnection, error: str) -> None:
    """Count a failed dial and keep its error; the status does not move (DESIGN, data model decisions)."""
    connection.error_count += 1
    note(session, connection, last_error=error)


def established(
    session: Session, connection: AcpConnection, negotiated: Negotiated, peer_id: str | None, reason: str
) -> None:
    """Store what the handshake settled and move to `connected`.

    `peer_id` is the peer's `Acp-Connection-Id`, opaque. One that another row has already is kept in
    `metadata` only, for the column is unique.

    Raises:
        Invalid: the version is not semantic.
        IllegalMove, Conflict: as `move` does.
    """
    _check(negotiated.version)
    taken = peer_id is not None and _taken(session, connection, peer_id)
    with enforced(session):
        if peer_id and not taken:
            connection.connection_id = peer_id
        connection.version = negotiated.version
        connection.capabilities = negotiated.capabilities
        session.flush()
    note(session, connection, agent_info=negotiated.agent_info, peer_connection_id=peer_id)
    note(session, connection, last_error=None, silent_since=None)
    move(session, connection, ConnectionStatus.CONNECTED, reason)


def _check(version: str) -> None:
    """Apply the data model's rule for AcpConnection.version."""
    if not is_semver(version):
        raise Invalid("version", f"{version!r} does not follow semantic versioning, such as 1.0.0")


def _taken(session: Session, connection: AcpConnection, peer_id: str) -> bool:
    other = select(AcpConnection.id).where(
        AcpConnection.connection_id == peer_id, AcpConnection.id != connection.id
    )
    return session.scalar(other) is not None


def _lock(session: Session, connection: AcpConnection) -> ConnectionStatus:
    """Hold the row until the end of the transaction and return its status as it is now."""
    session.flush()
    session.refresh(connection, with_for_update={"key_share": True})
    return ConnectionStatus(connection.status)


def move(
    session: Session,
    connection: AcpConnection,
    target: ConnectionStatus,
    reason: str,
    closed: Closed | None = None,
) -> None:
    """Move a connection's status, with its transition; `closed` says who ended what was lost.

    Raises:
        IllegalMove: the data model does not list the move; nothing is changed.
        Conflict: the container has another active connection.
    """
    current = _lock(session, connection)
    check_connection_move(current, target)
    with enforced(session):
        connection.status = target
        if target is ConnectionStatus.ERROR:
            connection.error_count += 1
        if current is ConnectionStatus.RECONNECTING and target is ConnectionStatus.CONNECTED:
            connection.reconnect_count += 1
        session.add(
            AcpConnectionTransition(
                connection_id=connection.id,
                from_status=current,
                to_status=target,
                reason=reason,
                closed_by=closed.by if closed else None,
                close_code=closed.code if closed and closed.code else None,
            )
        )
        session.flush()
    doorbell.tell(session, connection.container_id)


def move_many(session: Session, asked: Sequence[Move], gateway_id: uuid.UUID) -> Sequence[bool]:
    """Make recoveries' moves, of many connections in one statement; tell of each whether it was made.

    To `connected` goes only one that is `reconnecting`, for the first time needs more than this.

    Raises:
        IntegrityError: one of them breaks a rule; none is made.
    """
    values = [
        {
            "transition_id": new_id(),
            "connection_id": each.connection_id,
            "container_id": each.container_id,
            "epoch": each.epoch,
            "sources": RECOVERY[each.target],
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


def end(session: Session, connection: AcpConnection, reason: str) -> None:
    """Move to `disconnected` from wherever it is; one that has ended already stays as it is.

    Two may end a connection at once, for a cancelled supervisor's last write goes on in its thread.
    """
    if _lock(session, connection) is not ConnectionStatus.DISCONNECTED:
        move(session, connection, ConnectionStatus.DISCONNECTED, reason, Closed(US, 0))


def note(session: Session, connection: AcpConnection, **facts: Any) -> None:
    """Keep facts in `metadata`, such as the latency of the last health ping; None removes one."""
    kept = {**(connection.metadata_ or {}), **facts}
    connection.metadata_ = {name: value for name, value in kept.items() if value is not None}
    session.flush()
    doorbell.tell(session, connection.container_id)


def note_vitals(session: Session, gateway_id: uuid.UUID, noted: Sequence[Vitals]) -> None:
    """Store the vitals of many connections in one statement; those of lost leases are left out."""
    values = json.dumps([each._asdict() for each in noted], default=str)
    parameters = {"noted": values, "gateway": gateway_id, "keys": list(VITALS)}
    doorbell.tell_all(session, session.scalars(_NOTE_VITALS, parameters).all())
