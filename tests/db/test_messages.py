"""Records by cursor, against a plain list: of a connection, and of a container over all its connections."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import select

from app.errors import NotFound
from app.models import (
    AcpConnection,
    AcpConnectionSequence,
    AcpMessage,
    Container,
    ContainerSession,
    new_id,
)
from app.queries import messages, open_requests
from app.services import connections

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

RECORDS = 30
LIMITS = (1, 4, RECORDS * 2)


class Recorded(NamedTuple):
    """Two containers, one with three connections whose records come in turn, and all records by their ids."""

    container: Container
    other: Container
    connections: list[AcpConnection]
    records: list[AcpMessage]

    def of(self, *connections: AcpConnection) -> list[AcpMessage]:
        among = {each.id for each in connections}
        return [record for record in self.records if record.connection_id in among]


def add_container(session: Session, name: str) -> Container:
    container = Container(id=new_id(), name=name, endpoint_url="http://h", session=ContainerSession())
    session.add(container)
    return container


def add_connection(session: Session, container: Container) -> AcpConnection:
    row_id = new_id()
    connection = AcpConnection(
        id=row_id,
        connection_id=str(row_id),
        container_id=container.id,
        status="disconnected",
        version="1.0.0",
    )
    session.add(connection)
    session.flush()
    return connection


def record(
    session: Session,
    connection: AcpConnection,
    kind: str = "notification",
    *,
    direction: str = "inbound",
    seq: int | None = None,
    reply_to: uuid.UUID | None = None,
) -> AcpMessage:
    message = AcpMessage(
        id=new_id(),
        connection_id=connection.id,
        direction=direction,
        message_type="event",
        size=2,
        rpc_kind=kind,
        seq=seq,
        reply_to=reply_to,
    )
    session.add(message)
    session.flush()
    return message


@pytest.fixture
def recorded(session: Session) -> Recorded:
    container, other = add_container(session, "web-1"), add_container(session, "web-2")
    session.flush()
    connections = [add_connection(session, container) for _ in range(3)] + [add_connection(session, other)]
    # Not in turn only: runs of one connection, too.
    order = (connections[(n * n + n // 3) % 4] for n in range(RECORDS))
    return Recorded(container, other, connections, [record(session, each) for each in order])


def expected(
    records: Sequence[AcpMessage], limit: int, before: uuid.UUID | None, after: uuid.UUID | None
) -> list[AcpMessage]:
    """What `of_connection` promises, on a list in order of ids."""
    if after is not None:
        return [each for each in records if each.id > after][:limit][::-1]
    return [each for each in records if before is None or each.id < before][-limit:][::-1]


def test_each_connection_has_records(recorded: Recorded) -> None:
    assert all(len(recorded.of(each)) > 1 for each in recorded.connections)


@pytest.mark.parametrize("limit", LIMITS)
def test_every_cursor(session: Session, recorded: Recorded, limit: int) -> None:
    """Each record as the cursor, those of other connections too, before and after it."""
    ids = [None, *(each.id for each in recorded.records)]
    cursors = [{"before": each, "after": None} for each in ids] + [
        {"before": None, "after": each} for each in ids
    ]
    mine = recorded.of(*recorded.connections[:3])
    for cursor, connection in product(cursors, recorded.connections[1:3]):
        found = messages.of_connection(session, connection.id, limit=limit, **cursor)
        assert found == expected(recorded.of(connection), limit, **cursor)
    for cursor in cursors:
        found = messages.of_container(session, recorded.container.id, limit=limit, **cursor)
        assert found == expected(mine, limit, **cursor)


@pytest.mark.parametrize("limit", LIMITS)
def test_walking_meets_each_record_once(session: Session, recorded: Recorded, limit: int) -> None:
    container = recorded.container.id
    mine = recorded.of(*recorded.connections[:3])
    back, page = [], messages.of_container(session, container, limit=limit)
    while page:
        back += page
        page = messages.of_container(session, container, limit=limit, before=page[-1].id)
    assert back == mine[::-1]
    forth: list[AcpMessage] = [mine[0]]
    while page := messages.of_container(session, container, limit=limit, after=forth[-1].id):
        forth += reversed(page)
    assert forth == mine


def test_nothing_recorded_yet(session: Session) -> None:
    new = add_connection(session, add_container(session, "new"))
    assert messages.of_connection(session, new.id) == []
    assert messages.of_container(session, new.container_id) == []
    assert open_requests.on(session, [new.id]) == []


def test_numbers_go_on_after_the_last_that_is_stored(session: Session, recorded: Recorded) -> None:
    first, second, new, *_ = recorded.connections
    large = 2**31 + 5  # seq is a bigint
    for seq in (1, 2, large):
        record(session, first, seq=seq)
    record(session, second, seq=1)
    session.add(AcpConnectionSequence(connection_id=second.id, last_seq=9))
    session.flush()
    gone = new_id()
    begun = connections.begin_sequences(session, [first.id, gone, second.id, new.id])
    assert begun == [True, False, True, True]
    numbers = {each.connection_id: each.last_seq for each in session.scalars(select(AcpConnectionSequence))}
    assert numbers == {first.id: large, second.id: 9, new.id: 0}


def test_a_request_and_its_response(session: Session, recorded: Recorded) -> None:
    connection = recorded.connections[0]
    asked = record(session, connection, "request", direction="outbound")
    open_one = record(session, connection, "request", direction="outbound")
    answer = record(session, connection, "response", reply_to=asked.id)
    assert messages.counterpart(session, asked) == answer
    assert messages.counterpart(session, answer) == asked
    assert messages.counterpart(session, open_one) is None
    assert messages.counterpart(session, recorded.records[0]) is None
    assert messages.get(session, answer.id) == answer
    with pytest.raises(NotFound):
        messages.get(session, connection.id)


def test_what_nobody_has_answered(session: Session, recorded: Recorded) -> None:
    """Requests of both sides, oldest first, however much came after them, and only these connections'."""
    connection, other, third, *_ = recorded.connections
    asked = record(session, connection, "request", direction="outbound")
    from_agent = record(session, connection, "request", direction="inbound")
    answered = record(session, connection, "request", direction="outbound")
    record(session, connection, "response", reply_to=answered.id)
    of_other = record(session, other, "request")
    record(session, third, "request")
    for _ in range(30):
        record(session, connection)
    assert open_requests.on(session, [connection.id]) == [asked, from_agent]
    assert open_requests.on(session, [other.id, connection.id]) == [asked, from_agent, of_other]
    record(session, connection, "response", reply_to=asked.id)
    record(session, connection, "response", reply_to=from_agent.id)
    assert open_requests.on(session, [connection.id]) == []
