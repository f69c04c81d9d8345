"""What a dead gateway left, taken over for many containers at once: as for each alone, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.models import AcpConnectionTransition, AcpMessage
from app.protocol.states import ConnectionStatus, Protocol
from app.services import connections, containers, leases
from app.services.adoptions import REASON, Adoption, adopt_many
from app.services.containers import ContainerValues
from app.services.leases import Member
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from app.models import AcpConnection
    from app.services.adoptions import Left

CONNECTED, ERROR = ConnectionStatus.CONNECTED, ConnectionStatus.ERROR
RECONNECTING, DISCONNECTED = ConnectionStatus.RECONNECTING, ConnectionStatus.DISCONNECTED
WAYS = {
    CONNECTED: [CONNECTED],
    ERROR: [CONNECTED, ERROR],
    RECONNECTING: [CONNECTED, ERROR, RECONNECTING],
    DISCONNECTED: [CONNECTED, DISCONNECTED],
}
"""How a connection has come to a status."""
MEMBER = Member()


@pytest.fixture
def names() -> Iterator[str]:
    return iter("abcdefgh")


def container(session: Session, name: str) -> uuid.UUID:
    values = ContainerValues(name=name, endpoint_url="http://127.0.0.1:9000", supported_protocols=BOTH)
    return containers.register(session, values, TESTER).id


def connection(
    session: Session, container_id: uuid.UUID, status: ConnectionStatus, protocol: Protocol = Protocol.ACP
) -> AcpConnection:
    row = connections.open_row(session, container_id, protocol, "1.0.0")
    for each in WAYS[status]:
        connections.move(session, row, each, "before")
    return row


def ask(session: Session, row: AcpConnection, method: str = "session/new") -> uuid.UUID:
    asked = AcpMessage(connection_id=row.id, direction="outbound", message_type="command", size=1)
    asked.rpc_kind, asked.method = "request", method
    session.add(asked)
    session.flush()
    return asked.id


def held(session: Session) -> Mapping[uuid.UUID, int]:
    leases.join(session, MEMBER)
    return leases.renew(session, MEMBER).held


def adopted(session: Session) -> Mapping[uuid.UUID, list[Left]]:
    """Take all over; return what was left, by container."""
    asked = [Adoption(container_id, epoch) for container_id, epoch in held(session).items()]
    found = adopt_many(session, asked, MEMBER.id)
    assert None not in found
    session.expire_all()
    return {each.container_id: list(left or []) for each, left in zip(asked, found, strict=True)}


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("status", list(ConnectionStatus))
def test_what_is_active_is_found_and_what_was_connected_is_lost(
    session: Session, status: ConnectionStatus, protocol: Protocol, names: Iterator[str]
) -> None:
    row = connection(session, container(session, next(names)), status, protocol)
    open_one = ask(session, row)
    other = connection(session, container(session, next(names)), CONNECTED)
    left = adopted(session)
    (found,) = left[row.container_id]
    assert (found.connection_id, found.status, found.protocol) == (row.id, status, protocol)
    assert [each.id for each in found.unanswered] == [open_one]
    assert [each.connection_id for each in left[other.container_id]] == [other.id]
    assert left[other.container_id][0].unanswered == []
    assert row.status == (ERROR if status is CONNECTED else status)
    latest = select(AcpConnectionTransition).where(AcpConnectionTransition.connection_id == row.id)
    told = session.scalars(latest.order_by(AcpConnectionTransition.id.desc())).first()
    assert told is not None
    if status is CONNECTED:
        assert (told.to_status, told.reason, told.closed_by) == ("error", REASON, "us")
    else:
        assert (told.to_status, told.reason) == (status, "before")


def test_what_has_ended_is_found_only_where_requests_are_open_on_the_latest(
    session: Session, names: Iterator[str]
) -> None:
    container_id = container(session, next(names))
    older = connection(session, container_id, DISCONNECTED)
    ask(session, older)
    latest = connection(session, container_id, DISCONNECTED)
    over_http = connection(session, container_id, DISCONNECTED, Protocol.HTTP)
    nothing = connection(session, container(session, next(names)), DISCONNECTED)
    never = container(session, next(names))
    asked = ask(session, over_http)
    left = adopted(session)
    assert [each.connection_id for each in left[container_id]] == [over_http.id]
    assert [each.id for each in left[container_id][0].unanswered] == [asked]
    assert left[nothing.container_id] == left[never] == []
    ask(session, latest)
    assert [each.connection_id for each in adopted(session)[container_id]] == [latest.id, over_http.id]


def test_a_lost_lease_takes_nothing_over(session: Session, names: Iterator[str]) -> None:
    mine, lost = (connection(session, container(session, next(names)), CONNECTED) for _ in range(2))
    epochs = held(session)
    asked = [
        Adoption(mine.container_id, epochs[mine.container_id]),
        Adoption(lost.container_id, epochs[lost.container_id] - 1),
    ]
    found = adopt_many(session, asked, MEMBER.id)
    assert [left is None for left in found] == [False, True]
    session.expire_all()
    assert (mine.status, lost.status) == ("error", "connected")
    assert adopt_many(session, asked, Member().id) == [None, None]
