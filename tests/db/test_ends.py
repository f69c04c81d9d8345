"""How connections ended: sorted by the database as by Python, counted, compared where many drop."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from app.models import AcpConnectionTransition, new_id
from app.protocol.end_kinds import of_reason
from app.protocol.endings import Ending
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connection_list, ends
from app.queries.connection_filter import ConnectionFilter
from app.services import configurations, connections
from app.services.configurations import ConfigurationValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
PARTICULARS = {"why": "it\nbroke 100%", "seconds": 2.5, "attempts": 5}
REASONS = [
    *((ending.told(**PARTICULARS), ending.by, ending.code or None) for ending in Ending),
    ("disconnect requested by ann: tired", "us", None),
    ("protocol migration to http", "us", None),
    ("the health check failed: refused", "us", None),
    ("going home", "peer", 1001),
    ("the gateway is stopping", "peer", 1011),
    ("going home", "peer", None),
    ("of a row from before", None, None),
    (Ending.IDLE.told(seconds=3), None, None),
]


def dialled(session: Session, container: Container) -> AcpConnection:
    return connections.open_row(session, container.id, Protocol.ACP, "1.0.0")


def lose(
    session: Session,
    connection: AcpConnection,
    reason: str,
    by: str | None = None,
    code: int | None = None,
    at: dt.datetime = NOON,
    to: str = ConnectionStatus.ERROR,
) -> None:
    """Write a transition as it would have been written at that time."""
    session.execute(
        insert(AcpConnectionTransition).values(
            id=new_id(),
            connection_id=connection.id,
            from_status="connected",
            to_status=to,
            reason=reason,
            closed_by=by,
            close_code=code,
            at=at,
        )
    )


@pytest.mark.parametrize(("reason", "by", "code"), REASONS)
def test_the_database_sorts_as_python_does(
    session: Session, register: Register, reason: str, by: str | None, code: int | None
) -> None:
    lose(session, dialled(session, register()), reason, by, code)
    word = of_reason(reason, by, code).word
    assert session.scalar(select(ends.kind_column())) == word
    (counted,) = ends.by_kind(session).counts
    assert (counted.kind.word, counted.times, counted.containers) == (word, 1, 1)
    for narrowed in (ConnectionFilter(kind=word), ConnectionFilter(by=counted.kind.by)):
        assert len(connection_list.page(session, narrowed).rows) == 1, narrowed
    others = {"us", "peer", "network"} - {counted.kind.by}
    for other in others:
        assert not connection_list.page(session, ConnectionFilter(by=other)).rows
    assert not connection_list.page(
        session, ConnectionFilter(kind="asked" if word != "asked" else "idle")
    ).rows


def test_counts_are_of_a_range_a_connection_or_a_container(session: Session, register: Register) -> None:
    one, two = dialled(session, register("web-1")), dialled(session, register("web-2"))
    for minutes in range(3):
        lose(session, one, Ending.BROKEN.told(why=""), at=NOON + dt.timedelta(minutes=minutes))
    lose(session, two, Ending.BROKEN.told(why=": reset"), at=NOON + dt.timedelta(minutes=9))
    lose(session, two, Ending.STOPPED.told(), "us", to=ConnectionStatus.DISCONNECTED)
    found = ends.by_kind(session)
    assert [(each.kind.word, each.times, each.containers) for each in found.counts] == [
        ("broken", 4, 2),
        ("stopped", 1, 1),
    ]
    assert found.counts[0].reason.endswith(": reset")
    assert (found.total, found.capped) == (5, False)
    assert ends.by_kind(session, losses=True).total == 4
    assert ends.by_kind(session, NOON + dt.timedelta(minutes=1), NOON + dt.timedelta(minutes=9)).total == 2
    assert ends.by_kind(session, connection_id=one.id).total == 3
    assert ends.by_kind(session, container_id=two.container_id).total == 2


def test_what_dropped_together_is_compared(session: Session, register: Register) -> None:
    rows = [
        dialled(
            session,
            register(
                f"web-{number}",
                endpoint_url=f"http://127.0.0.{1 if number < 4 else 9}:{9000 + number}",
                image="agent:7" if number < 3 else "agent:6",
            ),
        )
        for number in range(5)
    ]
    for number, each in enumerate(rows):
        lose(session, each, Ending.BROKEN.told(why=""), "network", 1006, NOON + dt.timedelta(seconds=number))
    lose(session, rows[0], "alone", at=NOON - dt.timedelta(minutes=5))
    hour = dt.timedelta(hours=1)
    (found,) = ends.together(session, NOON - hour, NOON + hour)
    assert (found.minute, found.containers) == (NOON, 5)
    shared = {each.fact: (each.value, each.containers) for each in found.shared}
    assert shared["reason"] == ("the connection broke without a close frame", 5)
    assert shared["host"] == ("127.0.0.1", 4)
    assert shared["image"] == ("agent:7", 3)
    assert "configuration of" not in shared  # theirs is the first
    assert [name for _, name in found.names][:2] == ["web-0", "web-1"]
    assert not ends.together(session, NOON - hour, NOON + hour, least=6)


def test_the_revision_that_they_were_given_together_is_told(session: Session, register: Register) -> None:
    now = session.scalar(select(ends.func.now()))
    assert now is not None
    for number in range(3):
        container = register(f"web-{number}")
        values = replace(ConfigurationValues.of(container.configuration), idle_timeout=4321)
        configurations.update(session, container.configuration, values, TESTER, "shorter")
        lose(session, dialled(session, container), "x", at=now + dt.timedelta(seconds=1))
    (found,) = ends.together(session, now - dt.timedelta(seconds=1), now + dt.timedelta(hours=1))
    (told,) = (each for each in found.shared if each.fact == "configuration of")
    assert (told.value, told.containers) == (f"{now:%Y-%m-%d %H:%M} UTC by tester: shorter", 3)
