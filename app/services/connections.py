"""A connection's life: opened, established, failing, ended; each move with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select, text

from app.errors import Invalid
from app.models import AcpConnection, AcpConnectionTransition, new_id
from app.protocol.endings import US
from app.protocol.states import ConnectionStatus, check_connection_move, is_semver
from app.services import doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.protocol.handshake import Negotiated
    from app.protocol.states import Protocol

_BEGIN_SEQUENCES: Final = text("""
    INSERT INTO acp_connection_sequence AS s (connection_id, last_seq)
    SELECT k.id, coalesce(
        (SELECT seq FROM acp_message m WHERE m.connection_id = k.id ORDER BY m.id DESC LIMIT 1), 0)
    FROM (SELECT id FROM acp_connection WHERE id = ANY (:ids) ORDER BY id FOR KEY SHARE) k
    ON CONFLICT (connection_id) DO UPDATE SET last_seq = greatest(s.last_seq, excluded.last_seq)
    RETURNING connection_id
""")


class Closed(NamedTuple):
    """Who closed a connection (us, peer, network), and with which close code; 0 for none."""

    by: str
    code: int


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


def begin_sequences(session: Session, connection_ids: Sequence[uuid.UUID]) -> Sequence[bool]:
    """Have connections' records numbered by the database, after the highest number that is stored.

    A gateway of a version that counted in memory may have stored records after these rows were made. In a
    transaction of its own: the recorder's batches lock these rows in no particular order. Tell of each
    whether the connection is there still.
    """
    made = set(session.scalars(_BEGIN_SEQUENCES, {"ids": list(connection_ids)}))
    return [each in made for each in connection_ids]


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
