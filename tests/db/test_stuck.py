"""What is stuck, and what is not: too young, answered, of a connection that is lost anyway."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from app.models import AcpConnectionTransition, AcpMessage, AcpOpenRequest
from app.models.base import first_id_at
from app.protocol.classify import PING_METHOD
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import stuck
from app.services import connections
from tests.db.test_connections import NEGOTIATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


@pytest.fixture
def connection(session: Session, register: Register) -> AcpConnection:
    return connected(session, register("web-1"))


def connected(session: Session, container: Container) -> AcpConnection:
    connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    connections.established(session, connection, NEGOTIATED, None, "dialled")
    return connection


def record(session: Session, connection: AcpConnection, seconds: float, **fields: Any) -> AcpMessage:
    given = {"direction": "outbound", "message_type": "message", "rpc_kind": "request", "size": 1} | fields
    message = AcpMessage(
        id=first_id_at(ago(seconds)), connection_id=connection.id, timestamp=ago(seconds), **given
    )
    session.add(message)
    session.flush()
    return message


def kinds(session: Session) -> list[str]:
    return [each.kind for each in stuck.find(session, NOW).items]


def test_requests_that_nobody_answers_the_oldest_first(session: Session, connection: AcpConnection) -> None:
    record(session, connection, 100, method="session/set_mode")
    prompt = record(session, connection, 300, method="session/prompt", acp_session_id="s", caller="backend")
    record(session, connection, 200, direction="inbound", method="session/request_permission")
    record(session, connection, 250, direction="inbound", rpc_kind="notification", acp_session_id="s")
    record(session, connection, 240, direction="inbound", rpc_kind="notification", acp_session_id="other")
    found = stuck.find(session, NOW)
    assert [each.kind for each in found.items] == ["prompt", "permission", "request"]
    first = found.items[0]
    assert (first.message_id, first.caller, first.since) == (prompt.id, "backend", ago(300))
    assert (first.silent_since, first.container) == (ago(250), "web-1")
    assert (found.total, found.capped) == (3, False)
    assert [each.kind for each in stuck.find(session, NOW, kind="prompt").items] == ["prompt"]
    assert stuck.find(session, NOW, kind="prompt").counts["request"] == 1
    assert len(stuck.find(session, NOW, limit=1).items) == 1


@pytest.mark.parametrize(
    ("seconds", "fields"),
    [
        (stuck.PATIENCE_SECONDS - 1, {"method": "session/prompt"}),
        (stuck.WINDOW.total_seconds() + 1, {"method": "session/prompt"}),
        (100, {"method": PING_METHOD, "message_type": "status"}),
        (100, {"method": "session/update", "rpc_kind": "notification"}),
    ],
)
def test_what_is_not_stuck(
    session: Session, connection: AcpConnection, seconds: float, fields: dict[str, str]
) -> None:
    record(session, connection, seconds, **fields)
    assert kinds(session) == []


def test_what_was_answered_or_lost_is_not_stuck(session: Session, connection: AcpConnection) -> None:
    asked = record(session, connection, 100, method="session/prompt")
    assert kinds(session) == ["prompt"]
    answer = {"direction": "inbound", "rpc_kind": "response", "reply_to": asked.id}
    record(session, connection, 90, **answer)
    assert kinds(session) == []
    record(session, connection, 80, method="session/prompt")
    connections.move(session, connection, ConnectionStatus.ERROR, "lost")
    assert kinds(session) == []  # its loss is told, once it lasts


def test_agents_and_connections(session: Session, connection: AcpConnection, register: Register) -> None:
    connections.note(session, connection, silent_since=ago(30).isoformat())
    lost = connected(session, register("web-2"))
    connections.move(session, lost, ConnectionStatus.ERROR, "closed with 1011")
    connections.move(session, lost, ConnectionStatus.RECONNECTING, "trying")
    of_lost = AcpConnectionTransition.connection_id == lost.id
    for seconds, expected in ((59, ["agent"]), (61, ["connection", "agent"])):
        session.execute(update(AcpConnectionTransition).where(of_lost).values(at=ago(seconds)))
        assert kinds(session) == expected
    told = stuck.find(session, NOW, kind="connection").items[0]
    assert (told.what, told.container) == ("reconnecting: closed with 1011", "web-2")
    connections.end(session, lost, "gave up")
    assert kinds(session) == ["agent"]


def test_it_is_found_however_much_came_after_it_and_reads_no_more(
    session: Session, connection: AcpConnection
) -> None:
    asked = record(session, connection, 3000, direction="inbound", method="session/request_permission")
    for number in range(50):
        answered = record(session, connection, 2900 - number, method="session/set_mode")
        answer = {"direction": "inbound", "rpc_kind": "response", "method": "session/set_mode"}
        record(session, connection, 2000 - number, reply_to=answered.id, **answer)
    found = stuck.find(session, NOW).items
    assert [each.message_id for each in found] == [asked.id]
    assert session.scalars(select(AcpOpenRequest.id)).all() == [asked.id]


def test_much_of_one_kind_hides_nothing_of_another(
    session: Session, connection: AcpConnection, register: Register
) -> None:
    for number in range(2, 7):
        lost = connected(session, register(f"web-{number}"))
        connections.move(session, lost, ConnectionStatus.ERROR, "closed with 1011")
    of_all = AcpConnectionTransition.to_status == ConnectionStatus.ERROR
    session.execute(update(AcpConnectionTransition).where(of_all).values(at=ago(9000)))
    asked = record(session, connection, 100, direction="inbound", method="session/request_permission")
    found = stuck.find(session, NOW, limit=3)
    assert [each.kind for each in found.items] == ["connection"] * 3
    assert (found.counts["connection"], found.counts["permission"], found.total) == (5, 1, 6)
    of_kind = stuck.find(session, NOW, kind="permission", limit=3)
    assert [each.message_id for each in of_kind.items] == [asked.id]
    assert of_kind.counts == found.counts
