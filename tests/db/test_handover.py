"""What has changed since a moment, and until when somebody has looked."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app.models import AcpMessage, User, new_id
from app.protocol.endings import Ending
from app.protocol.states import Cause, ConnectionStatus, MigrationPhase, Protocol
from app.queries import handover, overview
from app.queries.gateways import GatewayRow
from app.queries.overview import Fleet
from app.services import (
    configurations,
    connections,
    containers,
    last_looks,
    leases,
    migration_phases,
    protocol_migrations,
)
from app.services.configurations import ConfigurationValues
from app.services.connections import Closed
from app.services.leases import Member
from tests.db.test_connections import NEGOTIATED
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def now(session: Session) -> dt.datetime:
    """The database's clock, in whose transaction all of a test happens."""
    moment = session.scalar(select(func.now()))
    assert moment is not None
    return moment


def connected(session: Session, container: Container) -> AcpConnection:
    connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    connections.established(session, connection, NEGOTIATED, None, "dialled")
    return connection


def fail(session: Session, connection: AcpConnection, words: str | None) -> AcpMessage:
    message = AcpMessage(
        id=new_id(),
        connection_id=connection.id,
        direction="inbound",
        message_type="message",
        size=1,
        error=True,
        error_message=words,
    )
    session.add(message)
    session.flush()
    return message


def test_everything_that_changed_is_counted_with_examples(
    session: Session, register: Register, now: dt.datetime
) -> None:
    one, two = register("web-1"), register("web-2")
    connection = connected(session, one)
    connections.move(
        session, connection, ConnectionStatus.ERROR, Ending.BROKEN.told(why=""), Closed("network", 1006)
    )
    values = replace(ConfigurationValues.of(one.configuration), idle_timeout=4321)
    configurations.update(session, one.configuration, values, TESTER, "to see")
    for cause in (Cause.OPERATOR, Cause.OPERATOR):
        migration = protocol_migrations.request(session, two, "acp", reason="r", actor=TESTER, cause=cause)
        migration_phases.advance(session, migration, MigrationPhase.FAILED, "no answer")
    protocol_migrations.request(session, two, "acp", reason="again", actor=TESTER)
    containers.remove(session, register("web-3"), TESTER, "old")
    errors = [fail(session, connection, words) for words in ("timed out", "timed out", None)]
    found = handover.changes(session, now - SECOND, now + DAY)
    assert [(each.kind.word, each.times) for each in found.ends.counts] == [("broken", 1)]
    assert [(each.outcome, each.times) for each in found.migrations] == [("failed", 2), ("under way", 1)]
    assert found.migrations[1].examples[0].container.name == "web-2"
    assert [(each.action, each.times) for each in found.done] == [
        ("container registered", 3),
        ("container removed", 1),
        ("configuration changed", 1),
    ]
    assert len(found.done[0].examples) == 3
    assert sorted(found.names.values()) == ["web-1", "web-2"]
    assert [(each.words, each.times, each.newest_id) for each in found.errors] == [
        ("timed out", 2, errors[1].id),
        ("an error without words", 1, errors[2].id),
    ]
    assert found.any


def test_nothing_of_another_time(session: Session, register: Register, now: dt.datetime) -> None:
    fail(session, connected(session, register()), "x")
    assert not handover.changes(session, now - 2 * DAY, now - DAY).any
    assert not handover.changes(session, now + DAY, now + 2 * DAY).any


def test_a_look_goes_neither_back_nor_ahead_of_now(session: Session, now: dt.datetime) -> None:
    user = User(email="ann@example.com", fs_uniquifier="u")
    session.add(user)
    session.flush()
    assert handover.last_look(session, user.id) is None
    for until, kept in ((now - DAY, now - DAY), (now - 2 * DAY, now - DAY), (now + DAY, now)):
        last_looks.mark(session, user.id, until)
        assert handover.last_look(session, user.id) == kept


def test_the_figures(session: Session, register: Register, now: dt.datetime) -> None:
    empty = overview.figures(session, now, Fleet([], 0))
    assert (empty.counts.total, empty.errors, empty.losses, empty.records_per_second) == (0, 0, 0, 0)
    assert (empty.latency.measured, empty.latency.median) == (0, None)
    rows = [connected(session, register(f"web-{number}")) for number in range(3)]
    for number, each in enumerate(rows[:2]):
        connections.note(session, each, latency_ms=10.0 * (number + 1))
    connections.note(session, rows[0], silent_since=now.isoformat())
    connections.move(session, rows[2], ConnectionStatus.ERROR, "lost")
    fail(session, rows[0], "x")
    leases.join(session, Member(address="127.0.0.1:1"))
    found = overview.figures(session, now, overview.fleet(session))
    assert found.latency[:2] == (2, 15.0)
    assert (found.latency.slowest, found.silent_agents) == (20.0, 1)
    assert (found.errors, found.errors_capped, found.losses) == (1, False, 1)
    assert found.counts.statuses == {"connected": 2, "error": 1}
    (loss,) = overview.recent_losses(session, now)
    assert (loss.container, loss.reason, loss.status_now, loss.kind.word) == (
        "web-2",
        "lost",
        "error",
        "peer",
    )
    bars = overview.losses_over_time(session, now)
    assert [bar.losses for bar in bars] == [0] * (overview.BARS - 1) + [1]


def test_silent_gateways_have_no_rate(session: Session, now: dt.datetime) -> None:
    fields = dict.fromkeys(GatewayRow._fields, 0)
    rows = [
        GatewayRow(**fields | {"state": state, "messages_per_second": 5.0, "callers": 2})  # type: ignore[arg-type]
        for state in ("ready", "late", "silent")
    ]
    found = overview.figures(session, now, Fleet(rows, 0))
    assert (found.records_per_second, found.callers) == (10.0, 4)
