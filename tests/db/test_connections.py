"""A connection's life through the service: dialled, established, lost, back, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.errors import NotFound
from app.models import new_id
from app.protocol.handshake import Negotiated
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connections as stored
from app.services import connections, containers
from app.services.containers import ContainerValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session, sessionmaker

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

NEGOTIATED = Negotiated(
    version="1.0.0",
    capabilities={"loadSession": True},
    agent_info={"name": "agent", "version": "any text"},
    auth_methods=[],
    result={},
)


@pytest.fixture
def container(register: Register) -> Container:
    return register()


def dial(session: Session, container: Container, transport: Protocol = Protocol.ACP) -> AcpConnection:
    return connections.open_row(session, container.id, transport, "1.0.0")


def test_a_dial_begins_disconnected_under_our_own_id(session: Session, container: Container) -> None:
    connection = dial(session, container)
    assert connection.status == "disconnected"
    assert connection.connection_id == str(connection.id)
    assert connection.transport is Protocol.ACP
    assert stored.active(session, container.id) is None


def test_a_row_that_never_connected_serves_the_next_dial(
    session: Session, container: Container, register: Register
) -> None:
    connection = dial(session, container)
    connections.dial_failed(session, connection, "refused")
    connections.dial_failed(session, connection, "still refused")
    assert (connection.status, connection.error_count) == ("disconnected", 2)
    assert connection.metadata_ == {"transport": "acp", "last_error": "still refused"}
    assert dial(session, container) == connection
    assert dial(session, container, Protocol.HTTP) != connection
    assert dial(session, register("web-2")) != connection
    connections.established(session, connection, NEGOTIATED, None, "dialled")
    connections.end(session, connection, "stopped")
    assert dial(session, container) != connection


def test_what_the_handshake_settles_is_stored(session: Session, container: Container) -> None:
    connection = dial(session, container)
    connections.dial_failed(session, connection, "refused")
    connections.established(session, connection, NEGOTIATED, "peer-7", "dialled")
    session.expire_all()
    assert (connection.connection_id, connection.version, connection.status) == (
        "peer-7",
        "1.0.0",
        "connected",
    )
    assert connection.capabilities == {"loadSession": True}
    assert connection.metadata_ == {
        "transport": "acp",
        "agent_info": {"name": "agent", "version": "any text"},
        "peer_connection_id": "peer-7",
    }
    assert stored.active(session, container.id) == connection


def test_a_peers_id_that_another_row_has_is_kept_beside(
    session: Session, container: Container, register: Register
) -> None:
    first, second = dial(session, container), dial(session, register("web-2"))
    connections.established(session, first, NEGOTIATED, "same", "dialled")
    connections.established(session, second, NEGOTIATED, "same", "dialled")
    assert (first.connection_id, second.connection_id) == ("same", str(second.id))
    assert second.metadata_ is not None
    assert second.metadata_["peer_connection_id"] == "same"


def test_a_row_lives_through_its_reconnects(session: Session, container: Container) -> None:
    connection = dial(session, container)
    connections.established(session, connection, NEGOTIATED, "peer-1", "dialled")
    connections.move(session, connection, ConnectionStatus.ERROR, "closed by the peer, 1006")
    connections.move(session, connection, ConnectionStatus.RECONNECTING, "attempt 1")
    connections.established(session, connection, NEGOTIATED, "peer-2", "reconnected")
    connections.end(session, connection, "container stopped")
    connections.end(session, connection, "once more")
    assert (connection.connection_id, connection.error_count, connection.reconnect_count) == ("peer-2", 1, 1)
    history = [
        (each.from_status, each.to_status, each.reason) for each in stored.transitions(session, connection.id)
    ]
    assert history == [
        ("connected", "disconnected", "container stopped"),
        ("reconnecting", "connected", "reconnected"),
        ("error", "reconnecting", "attempt 1"),
        ("connected", "error", "closed by the peer, 1006"),
        ("disconnected", "connected", "dialled"),
    ]


def test_a_connection_that_another_has_just_ended_stays_as_it_is(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as first:
        values = ContainerValues(name="web-1", endpoint_url="http://127.0.0.1:9000")
        connection = dial(first, containers.register(first, values, TESTER))
        connections.established(first, connection, NEGOTIATED, None, "dialled")
        row_id = connection.id
    with sessions() as late:
        seen_connected = stored.get(late, row_id)
        with sessions.begin() as first:
            connections.end(first, stored.get(first, row_id), "gave up")
        connections.end(late, seen_connected, "the gateway is stopping")
        assert [each.reason for each in stored.transitions(late, row_id)] == ["gave up", "dialled"]


def test_facts_are_kept_and_taken_away(session: Session, container: Container) -> None:
    connection = dial(session, container)
    connections.note(session, connection, latency_ms=0.7, last_error="slow")
    connections.note(session, connection, last_error=None)
    assert connection.metadata_ == {"transport": "acp", "latency_ms": 0.7}


def test_the_latest_of_a_protocol(session: Session, container: Container) -> None:
    assert stored.latest(session, container.id, Protocol.ACP) is None
    ended = dial(session, container)
    connections.established(session, ended, NEGOTIATED, None, "dialled")
    connections.end(session, ended, "stopped")
    over_http, newest = dial(session, container, Protocol.HTTP), dial(session, container)
    assert stored.latest(session, container.id, Protocol.ACP) == newest
    assert stored.latest(session, container.id, Protocol.HTTP) == over_http
    assert stored.of_container(session, container.id) == [newest, over_http, ended]
    assert stored.of_container(session, container.id, limit=1) == [newest]
    assert stored.get(session, ended.id) == ended
    with pytest.raises(NotFound):
        stored.get(session, new_id())
