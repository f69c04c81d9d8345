"""Statistics from the rollups, against plain aggregates over the records."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text

from app.models import AcpConnectionConfiguration
from app.protocol.latencies import ERROR
from app.protocol.states import Protocol
from app.queries import statistics
from app.queries.spans import span
from app.queries.statistics_view import View
from app.services import rollups
from tests.support.records import MOMENT, connect, record

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.queries.spans import Span

NOW = MOMENT + dt.timedelta(hours=5, minutes=30)
PLAIN = """
    SELECT {key}, count(*), count(*) FILTER (WHERE error), sum(size), count(processing_time),
        percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY processing_time)
    FROM acp_message m JOIN acp_connection k ON k.id = m.connection_id
    JOIN container c ON c.id = k.container_id
    WHERE m.seq IS NOT NULL AND m.timestamp >= :begin AND m.timestamp < :end
    GROUP BY 1
"""
KEYS = {
    "method": "coalesce(m.method, '')",
    "type": "m.message_type",
    "protocol": "k.metadata ->> 'transport'",
    "container": "c.id",
    "connection": "k.id",
}


@pytest.fixture
def world(session: Session, register: Callable[..., Container]) -> dict[str, uuid.UUID]:
    """Two containers, three connections, 600 records over five hours, all rolled up."""
    a, b = register("a"), register("b")
    ids = {"a": connect(session, a.id), "b": connect(session, b.id, Protocol.HTTP)}
    for name, connection in ids.items():
        record(
            session,
            connection,
            [
                {
                    "timestamp": MOMENT + dt.timedelta(minutes=n),
                    "method": ("session/prompt", "session/update", None)[n % 3],
                    "message_type": ("message", "event")[n % 2],
                    "direction": ("inbound", "outbound")[n % 2],
                    "size": 10 + n,
                    "error": n % 7 == 0,
                    "processing_time": None if n % 3 == 1 else (n * n * (5 if name == "b" else 1)) % 9001,
                }
                for n in range(300)
            ],
        )
    rollups.add(session)
    return ids


def ranges() -> list[Span]:
    return [
        span(MOMENT + dt.timedelta(minutes=17), MOMENT + dt.timedelta(minutes=99), NOW),
        span(MOMENT, NOW, NOW),
        span(MOMENT, MOMENT + dt.timedelta(hours=3), NOW + dt.timedelta(days=4)),
        span(MOMENT - dt.timedelta(days=40), NOW, NOW),
    ]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize("place", range(4))
def test_groups_are_what_the_records_say(session: Session, by: str, place: int) -> None:
    over = ranges()[place]
    plain = session.execute(text(PLAIN.format(key=KEYS[by])), {"begin": over.begin, "end": over.end}).all()
    found = {each.key[0]: each for each in statistics.groups(session, View(by=by), over)}
    assert found.keys() == {row[0] for row in plain}
    for key, *counts, true in plain:
        figures = found[key]
        assert [figures.messages, figures.errors, figures.bytes, figures.measured] == counts
        for told, right in zip((figures.p50, figures.p95, figures.p99), true or [None] * 3, strict=True):
            assert (told is None) == (right is None)
            assert told is None or abs(told - right) <= right * ERROR + 1e-6


@pytest.mark.usefixtures("world")
def test_totals_and_points_add_up(session: Session) -> None:
    over = span(MOMENT, MOMENT + dt.timedelta(hours=5), NOW)
    for view in (View(), View(container="a"), View(protocol="http"), View(method="session/prompt")):
        whole = statistics.totals(session, view, over)
        points = statistics.points(session, view, over)
        assert whole.messages == sum(each.messages for each in points) > 0
        assert whole.errors == sum(each.errors for each in points)
        assert whole.bytes == sum(each.bytes for each in points)
        assert [each.key[0] for each in points] == sorted(each.key[0] for each in points)
    assert statistics.totals(session, View(), over).messages == 600
    assert statistics.totals(session, View(container="a"), over).messages == 300
    assert statistics.totals(session, View(container="nobody"), over) == statistics.NOTHING


def test_what_it_is_narrowed_to(session: Session, world: dict[str, uuid.UUID]) -> None:
    over = span(MOMENT, NOW, NOW)
    expected = {
        View(connection=str(world["b"])): 300,
        View(container="a", type="event"): 150,
        View(container="a", protocol="http"): 0,
        View(by="connection", method="session/update"): 200,
        View(protocol="acp", method="session/update"): 100,
    }
    for view, count in expected.items():
        assert statistics.totals(session, view, over).messages == count, view


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("sort", ["messages", "errors", "rate", "bytes", "p50", "p95", "p99"])
def test_groups_are_sorted(session: Session, sort: str) -> None:
    found = statistics.groups(session, View(by="method", sort=sort), span(MOMENT, NOW, NOW))
    values = [getattr(each, sort) for each in found]
    known = [each for each in values if each is not None]
    assert values == sorted(known, reverse=True) + [None] * (len(values) - len(known))


def test_the_first_groups_and_all(session: Session, world: dict[str, uuid.UUID]) -> None:
    many = [{"method": f"_m/{n}", "timestamp": MOMENT} for n in range(80)]
    record(session, world["a"], many)
    rollups.add(session)
    over = span(MOMENT, NOW, NOW)
    assert len(statistics.groups(session, View(), over)) == statistics.TOP + 1
    assert len(statistics.groups(session, View(whole="1"), over)) == 83


def test_the_twins_of_a_container(session: Session, register: Callable[..., Container]) -> None:
    container = register("both")
    for transport, time in ((Protocol.HTTP, 400), (Protocol.ACP, 100)):
        connection = connect(session, container.id, transport)
        record(session, connection, [{"method": "session/prompt", "processing_time": time}] * 10)
        record(session, connection, [{"method": "session/update"}])
        session.execute(text("UPDATE acp_connection SET status = 'disconnected'"))
    rollups.add(session)
    found = statistics.twins(session, View(container="both"), span(MOMENT, NOW, NOW))
    assert list(found) == ["session/prompt"]  # the other has no time to compare
    http, acp = found["session/prompt"]["http"], found["session/prompt"]["acp"]
    assert (http.measured, acp.measured) == (10, 10)
    assert http.p95 == pytest.approx(400, rel=ERROR)
    assert acp.p95 == pytest.approx(100, rel=ERROR)


def test_names_and_the_unmeasured(session: Session, world: dict[str, uuid.UUID]) -> None:
    view = View(by="connection")
    assert statistics.names(session, view, [world["b"]]) == {world["b"]: ("b", "http")}
    containers = statistics.groups(session, View(by="container"), span(MOMENT, NOW, NOW))
    named = statistics.names(session, View(by="container"), [each.key[0] for each in containers])
    assert sorted(named.values()) == [("a", None), ("b", None)]
    assert statistics.unmeasured(session, view) == 0
    session.execute(AcpConnectionConfiguration.__table__.update().values(enable_metrics=False))
    assert statistics.unmeasured(session, view) == 2
    assert statistics.unmeasured(session, View(container="a")) == 1


@pytest.mark.parametrize(
    ("view", "index"),
    [
        (View(), "pk_fleet_rollup"),
        (View(by="container"), "ix_message_rollup_step_at"),
        (View(connection="0190a5c8-0000-7000-8000-000000000000"), "message_rollup"),
    ],
)
def test_a_range_is_read_by_an_index(session: Session, view: View, index: str) -> None:
    """Of many days that are there, the ones asked for are found."""
    session.execute(
        text(
            "INSERT INTO fleet_rollup (transport, step, at, message_type, direction, method, bin, messages,"
            " errors, bytes) SELECT 'acp', 1, CAST(:at AS timestamptz) - n * interval '1 min',"
            " 'event', 'inbound', 'm', 0, 1, 0, 1 FROM generate_series(1, 20000) n"
        ),
        {"at": MOMENT},
    )
    session.execute(
        text(
            "WITH c AS (INSERT INTO container (name, endpoint_url) VALUES ('z', 'http://h') RETURNING id),"
            " k AS (INSERT INTO acp_connection (connection_id, container_id, status, version)"
            " SELECT 'z', id, 'disconnected', '1.0.0' FROM c RETURNING id)"
            " INSERT INTO message_rollup SELECT k.id, 1, CAST(:at AS timestamptz) - n * interval '1 min',"
            " 'event', 'inbound', 'm', 0, 1, 0, 1 FROM k, generate_series(1, 20000) n"
        ),
        {"at": MOMENT},
    )
    session.execute(text("ANALYZE"))
    plans = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "_rollup" in statement and not statement.startswith("EXPLAIN"):
            cursor.execute(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(row[0] for row in cursor.fetchall()))

    event.listen(session.get_bind(), "before_cursor_execute", explain)
    statistics.groups(session, view, span(MOMENT - dt.timedelta(hours=1), MOMENT, MOMENT))
    (plan,) = plans
    assert index in plan
    assert "Seq Scan on message_rollup" not in plan
    assert "Seq Scan on fleet_rollup" not in plan
