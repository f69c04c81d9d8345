from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app.models import AcpConnectionTransition
from app.protocol.endings import Ending
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connection_list
from app.queries.connection_filter import ConnectionFilter
from app.queries.connection_list import OLDEST, Place
from app.services import connections
from app.services.connections import Closed
from tests.db.test_connections import NEGOTIATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

ALL = ConnectionFilter()


@pytest.fixture
def rows(session: Session, register: Register) -> list[AcpConnection]:
    """One that was ended, one that is lost, one connected over HTTP."""
    made = []
    for name, transport in (("web-1", Protocol.ACP), ("web-2", Protocol.ACP), ("api-1", Protocol.HTTP)):
        connection = connections.open_row(session, register(name).id, transport, "1.0.0")
        connections.established(session, connection, NEGOTIATED, None, "dialled")
        made.append(connection)
    connections.end(session, made[0], Ending.STOPPED.told())
    connections.move(session, made[1], ConnectionStatus.ERROR, "going home", Closed("peer", 1001))
    return made


@pytest.mark.parametrize(
    ("narrowed", "names"),
    [
        ({}, ["api-1", "web-2", "web-1"]),
        ({"status": "connected"}, ["api-1"]),
        ({"status": "disconnected"}, ["web-1"]),
        ({"protocol": "acp"}, ["web-2", "web-1"]),
        ({"text": "WEB 1"}, ["web-1"]),
        ({"text": "%"}, []),
        ({"kind": "stopped"}, ["web-1"]),
        ({"kind": "peer"}, ["web-2"]),
        ({"kind": "peer-1001"}, ["web-2"]),
        ({"kind": "peer-1000"}, []),
        ({"by": "us"}, ["web-1"]),
        ({"by": "peer", "protocol": "http"}, []),
        ({"since": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)}, ["api-1", "web-2", "web-1"]),
        ({"until": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)}, []),
    ],
)
def test_filters_are_combined(
    session: Session, rows: list[AcpConnection], narrowed: dict[str, object], names: list[str]
) -> None:
    assert len(rows) == 3
    found = connection_list.page(session, ConnectionFilter(**narrowed)).rows  # type: ignore[arg-type]
    assert [row.container for row in found] == names


def test_a_line_says_how_it_ended(session: Session, rows: list[AcpConnection]) -> None:
    connected, lost, ended = connection_list.page(session, ALL).rows
    assert (connected.end_kind, connected.protocol, connected.ended_at) == (None, "http", None)
    assert lost.end_kind is not None
    assert (lost.end_kind.word, lost.reason, lost.error_count) == ("peer-1001", "going home", 1)
    assert ended.end_kind is not None
    assert (ended.end_kind.word, ended.closed_by, ended.close_code) == ("stopped", "us", None)
    assert ended.id == rows[0].id
    assert connection_list.counts(session) == {"connected": 1, "error": 1, "disconnected": 1}


@pytest.mark.parametrize("order", ["", OLDEST])
def test_pages_follow_each_other_both_ways(session: Session, register: Register, order: str) -> None:
    made = [
        connections.open_row(session, register(f"web-{number}").id, Protocol.ACP, "1.0.0").id
        for number in range(5)
    ]
    expected = made if order == OLDEST else made[::-1]
    first = connection_list.page(session, ALL, Place(order), limit=2)
    second = connection_list.page(session, ALL, Place(order, after=first.after), limit=2)
    last = connection_list.page(session, ALL, Place(order, after=second.after), limit=2)
    assert [row.id for page in (first, second, last) for row in page.rows] == expected
    assert (first.before, last.after) == (None, None)
    back = connection_list.page(session, ALL, Place(order, before=last.before), limit=2)
    assert back == second
    assert connection_list.page(session, ALL, Place(order, before=second.before), limit=2) == first


def test_a_range_is_of_the_changes(session: Session, rows: list[AcpConnection]) -> None:
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    of_first = AcpConnectionTransition.connection_id == rows[0].id
    session.execute(update(AcpConnectionTransition).where(of_first).values(at=noon))
    within = {"since": noon, "until": noon + dt.timedelta(seconds=1)}
    for narrowed in (within, within | {"kind": "stopped"}, within | {"by": "us"}):
        found = connection_list.page(session, ConnectionFilter(**narrowed)).rows
        assert [row.id for row in found] == [rows[0].id]
    assert not connection_list.page(session, ConnectionFilter(**within, kind="peer")).rows
