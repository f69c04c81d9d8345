"""Many connections moved in one statement: the same rows as one by one, and no others."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from app.models import AcpConnection, AcpConnectionTransition
from app.protocol.handshake import Negotiated
from app.protocol.states import CONNECTION_MOVES, ConnectionStatus, Protocol
from app.queries import containers as stored
from app.services import connection_moves, connections, containers, leases, migration_phases
from app.services.connection_moves import Move, Settled
from app.services.connections import Closed
from app.services.containers import ContainerValues
from app.services.leases import Member
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

CONNECTED, ERROR, RECONNECTING = (
    ConnectionStatus.CONNECTED,
    ConnectionStatus.ERROR,
    ConnectionStatus.RECONNECTING,
)
MEMBER = Member()
AGENT = {"name": "agent", "version": "2"}
NEGOTIATED = Negotiated(
    version="1.0.0", capabilities={"loadSession": True}, agent_info=AGENT, auth_methods=[], result={}
)


@pytest.fixture
def rows(sessions: Sessions) -> list[tuple[uuid.UUID, uuid.UUID, int]]:
    """Three containers that are connected over ACP: connection, container and epoch."""
    with sessions.begin() as session:
        found = []
        for number in range(3):
            values = ContainerValues(
                name=f"agent-{number}",
                endpoint_url="http://127.0.0.1:9000",
                supported_protocols=("acp",),
                preferred_protocol="acp",
            )
            container_id = containers.register(session, values, TESTER).id
            row = connections.open_row(session, container_id, Protocol.ACP, "1.0.0")
            connections.established(session, row, NEGOTIATED, None, "the handshake succeeded")
            migration_phases.switch(session, stored.get(session, container_id), Protocol.ACP, row)
            found.append((row.id, container_id))
        leases.join(session, MEMBER)
        held = leases.renew(session, MEMBER).held
        return [(row, container, held[container]) for row, container in found]


def _move(sessions: Sessions, moves: list[Move]) -> Sequence[bool]:
    with sessions.begin() as session:
        return connection_moves.move_many(session, moves, MEMBER.id)


def test_a_loss_and_a_recovery_of_many(
    sessions: Sessions, rows: list[tuple[uuid.UUID, uuid.UUID, int]]
) -> None:
    settled = [Settled("2.0.0", {"n": n}, {"agent_info": AGENT}, f"peer-{n}") for n in range(3)]
    by = [Closed("network", 1006), Closed("us", 0), None]
    lost = zip(rows, by, strict=True)
    assert all(_move(sessions, [Move(*each, ERROR, "reset", closed=closed) for each, closed in lost]))
    with sessions.begin() as session:
        connections.dial_failed(session, session.get_one(AcpConnection, rows[0][0]), "refused")
    assert all(_move(sessions, [Move(*each, RECONNECTING, "trying") for each in rows]))
    moves = [Move(*each, CONNECTED, "back", what) for each, what in zip(rows, settled, strict=True)]
    assert all(_move(sessions, moves))
    with sessions() as session:
        for number, (connection_id, *_) in enumerate(rows):
            row = session.get_one(AcpConnection, connection_id)
            assert (row.status, row.version, row.capabilities) == ("connected", "2.0.0", {"n": number})
            assert (row.connection_id, row.reconnect_count) == (f"peer-{number}", 1)
            assert row.metadata_ == {"transport": "acp", "agent_info": AGENT}
            assert row.error_count == (2 if number == 0 else 1)
            found = [(each.from_status, each.to_status, each.reason) for each in row.transitions[1:]]
            assert found == [
                ("connected", "error", "reset"),
                ("error", "reconnecting", "trying"),
                ("reconnecting", "connected", "back"),
            ]
            closed = [(each.closed_by, each.close_code) for each in row.transitions[1:]]
            assert closed == [(("network", 1006), ("us", None), (None, None))[number], *[(None, None)] * 2]


def test_what_is_not_listed_not_held_or_not_awaited_is_left_out(
    sessions: Sessions, rows: list[tuple[uuid.UUID, uuid.UUID, int]]
) -> None:
    (one, first, epoch), (two, second, other), (three, third, last) = rows
    asked = [
        Move(one, first, epoch - 1, ERROR, "of an epoch before"),
        Move(two, second, other, RECONNECTING, "from connected"),
        Move(three, third, last, ERROR, "lost"),
    ]
    assert list(_move(sessions, asked)) == [False, False, True]
    assert list(_move(sessions, [Move(three, third, last, RECONNECTING, "trying")])) == [True]
    with sessions.begin() as session:
        protocol = stored.get(session, third).session
        protocol.protocol_type, protocol.acp_connection_id = Protocol.HTTP, None
    back = Move(three, third, last, CONNECTED, "back", Settled("1.0.0", {}, {}, None))
    assert list(_move(sessions, [back])) == [False]
    with sessions() as session:
        states = [session.get_one(AcpConnection, each).status for each, *_ in rows]
        assert states == ["connected", "connected", "reconnecting"]
        assert session.query(AcpConnectionTransition).count() == 3 + 2


def test_a_broken_rule_undoes_all_and_the_names_of_peers_stay_unique(
    sessions: Sessions, rows: list[tuple[uuid.UUID, uuid.UUID, int]]
) -> None:
    for target in (ERROR, RECONNECTING):
        _move(sessions, [Move(*each, target, "lost") for each in rows])
    broken = [
        Move(*rows[0], CONNECTED, "back", Settled("1.0.0", {}, {}, "one")),
        Move(*rows[1], CONNECTED, "back", Settled("first", {}, {}, None)),
    ]
    with pytest.raises(IntegrityError, match="version_semver"):
        _move(sessions, broken)
    assert list(_move(sessions, broken[:1])) == [True]
    taken = Move(*rows[2], CONNECTED, "back", Settled("1.0.0", {}, {"peer_connection_id": "one"}, "one"))
    assert list(_move(sessions, [taken])) == [True]
    with sessions() as session:
        assert session.get_one(AcpConnection, rows[1][0]).status == "reconnecting"
        assert session.get_one(AcpConnection, rows[2][0]).connection_id == str(rows[2][0])


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize(("source", "target"), list(product(ConnectionStatus, repeat=2)))
def test_what_one_by_one_would_do_and_no_more(
    sessions: Sessions, source: ConnectionStatus, target: ConnectionStatus, protocol: Protocol
) -> None:
    """Two containers alike: the connection of the first is moved alone, the other's with many."""
    with sessions.begin() as session:
        pair = [_connection(session, name, protocol, source) for name in ("alone", "with-many")]
        leases.join(session, MEMBER)
        held = leases.renew(session, MEMBER).held
    (alone, container_id), (with_many, other_id) = pair
    closed = None if target in (CONNECTED, RECONNECTING) else Closed("us", 0)
    settled = Settled.of(NEGOTIATED, None) if target is CONNECTED else None
    legal = target in CONNECTION_MOVES[source]
    if legal:
        with sessions.begin() as session:
            row = session.get_one(AcpConnection, alone)
            if target is CONNECTED:
                connections.established(session, row, NEGOTIATED, None, "why")
                migration_phases.switch(session, stored.get(session, container_id), protocol, row)
            else:
                connections.move(session, row, target, "why", closed)
    asked = Move(with_many, other_id, held[other_id], target, "why", settled, closed)
    assert list(_move(sessions, [asked])) == [legal]
    with sessions() as session:
        one, many = (_told(session, *each) for each in pair)
    assert one == many


def test_a_first_connection_of_a_session_on_the_other_protocol_is_left_out(sessions: Sessions) -> None:
    """To point it there is a protocol migration's part."""
    with sessions.begin() as session:
        row, container_id = _connection(session, "agent", Protocol.ACP, ConnectionStatus.DISCONNECTED)
        on = stored.get(session, container_id).session
        on.protocol_type, on.acp_connection_id = Protocol.HTTP, None
        leases.join(session, MEMBER)
        epoch = leases.renew(session, MEMBER).held[container_id]
    first = Move(row, container_id, epoch, CONNECTED, "why", Settled("1.0.0", {}, {}, None))
    assert list(_move(sessions, [first])) == [False]


def _connection(
    session: Session, name: str, protocol: Protocol, status: ConnectionStatus
) -> tuple[uuid.UUID, uuid.UUID]:
    """Register a container with a session on a protocol, which had a connection, and give it the next."""
    values = ContainerValues(
        name=name,
        endpoint_url="http://127.0.0.1:9000",
        supported_protocols=("http", "acp"),
        preferred_protocol=protocol,
    )
    container_id = containers.register(session, values, TESTER).id
    ended = connections.open_row(session, container_id, protocol, "1.0.0")
    connections.established(session, ended, NEGOTIATED, None, "before")
    migration_phases.switch(session, stored.get(session, container_id), protocol, ended)
    connections.end(session, ended, "over")
    row = connections.open_row(session, container_id, protocol, "1.0.0")
    if status is not ConnectionStatus.DISCONNECTED:
        connections.established(session, row, NEGOTIATED, None, "first")
        migration_phases.switch(session, stored.get(session, container_id), protocol, row)
    for passed in {ERROR: [ERROR], RECONNECTING: [ERROR, RECONNECTING]}.get(status, []):
        connections.move(session, row, passed, "on the way")
    return row.id, container_id


def _told(session: Session, connection_id: uuid.UUID, container_id: uuid.UUID) -> object:
    """Return what is stored of a connection and the session, without what two cannot have in common."""
    row = session.get_one(AcpConnection, connection_id)
    on = stored.get(session, container_id).session
    moves = [(each.from_status, each.to_status, each.reason, each.closed_by) for each in row.transitions]
    has = on.protocol_type, on.acp_connection_id == row.id
    counted = row.error_count, row.reconnect_count
    return row.status, row.version, row.capabilities, row.metadata_, counted, moves, has
