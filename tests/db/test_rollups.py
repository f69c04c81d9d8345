"""Rollups hold each record once: against a plain aggregate, after crashes, races and late commits."""

from __future__ import annotations

import datetime as dt
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text

from app.models import AcpMessage, FleetRollup, MessageRollup, RollupProgress
from app.models.base import first_id_at
from app.models.rollup import OTHER_METHODS
from app.protocol.latencies import bin_of
from app.protocol.states import Protocol
from app.queries import containers as stored
from app.services import containers, rollups
from tests.support.records import (
    MOMENT,
    connect,
    container,
    fleet,
    fleet_of_connections,
    measured,
    plain,
    record,
    rolled,
)
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.sampled_from(
                [MOMENT + dt.timedelta(seconds=each) for each in (-1, 0, 59, 60, 3599, 50_000, 90_000)]
            ),
            "direction": st.sampled_from(["inbound", "outbound"]),
            "message_type": st.sampled_from(["event", "message"]),
            "method": st.sampled_from([None, "session/prompt", "session/update"]),
            "size": st.integers(1, 5000),
            "error": st.booleans(),
            "processing_time": st.one_of(st.none(), st.integers(0, 100_000)),
        }
    ),
    max_size=12,
)


@pytest.fixture
def connection(sessions: Sessions) -> uuid.UUID:
    with sessions.begin() as session:
        return connect(session, container(session))


def add_all(sessions: Sessions, most: int = rollups.STEP_ROWS) -> int:
    """Add until nothing is left; return in how many steps."""
    steps = 0
    while True:
        with sessions.begin() as session:
            if not rollups.add(session, most):
                return steps
        steps += 1


def assert_exact(sessions: Sessions) -> None:
    with sessions() as session:
        assert rolled(session) == plain(session)
        assert fleet(session) == fleet_of_connections(session)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.tuples(st.integers(0, 1), ROWS), max_size=6), most=st.integers(1, 30))
def test_rollups_are_exact(
    untouched_url: str, session: Session, batches: list[tuple[int, list[dict[str, Any]]]], most: int
) -> None:
    """Batches of two connections, of two protocols, added in steps of any size as they come."""
    del untouched_url
    session.rollback()
    ids = [
        connect(session, container(session, "a"), Protocol.ACP),
        connect(session, container(session, "b"), Protocol.HTTP),
    ]
    for which, rows in batches:
        record(session, ids[which], rows)
        rollups.add(session, most)
    while rollups.add(session, most):
        pass
    assert rolled(session) == plain(session)
    assert fleet(session) == fleet_of_connections(session)


def test_times_go_to_their_bins(sessions: Sessions, connection: uuid.UUID) -> None:
    times = [None, 0, 7, 7, 1000, 1001, 2**31 - 1]
    with sessions.begin() as session:
        record(session, connection, [{"processing_time": each} for each in times])
        rollups.add(session)
        minute = select(MessageRollup.bin, MessageRollup.messages).where(MessageRollup.step == 1)
        found = {row.bin: row.messages for row in session.execute(minute)}
    expected: dict[int, int] = {}
    for each in times:
        number = 0 if each is None else bin_of(each)
        expected[number] = expected.get(number, 0) + 1
    assert found == expected


def test_a_step_is_bounded_and_the_rest_follows(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 25)
    with sessions.begin() as session:
        assert rollups.add(session, 10) == 10
        assert session.scalar(select(func.sum(FleetRollup.messages)).where(FleetRollup.step == 1)) == 10
    assert add_all(sessions, 10) == 2
    assert_exact(sessions)


def test_a_long_history_delays_nobody(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 25)
        other = connect(session, container(session, "web-2"))
        record(session, other, [{}] * 2)
    with sessions.begin() as session:
        rollups.add(session, 5)
        assert session.get_one(RollupProgress, other).rolled_seq == 2
        assert session.get_one(RollupProgress, connection).rolled_seq == 3


def test_a_crash_between_adds_nothing_twice(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 5)
    with sessions() as session:
        assert rollups.add(session) == 5
        session.rollback()  # as a killed process leaves it
    with sessions() as session:
        assert rolled(session) == []
    add_all(sessions)
    assert_exact(sessions)


def test_what_commits_late_under_an_early_id(sessions: Sessions, connection: uuid.UUID) -> None:
    early = [first_id_at(MOMENT + dt.timedelta(milliseconds=each)) for each in range(3)]
    with sessions.begin() as session:
        record(session, connection, [{}] * 4)
    add_all(sessions)
    with sessions.begin() as session:  # a spool's, or those of a gateway whose clock is behind
        record(session, connection, [{"id": each, "timestamp": MOMENT} for each in early])
        record(session, connection, [{}] * 2)
    add_all(sessions)
    assert_exact(sessions)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(9)), most=st.integers(1, 9))
def test_ids_in_any_order(session: Session, order: list[int], most: int) -> None:
    session.rollback()
    connection = connect(session, container(session))
    for place in order:
        record(session, connection, [{"id": first_id_at(MOMENT + dt.timedelta(seconds=place))}])
    while rollups.add(session, most):
        pass
    assert rolled(session) == plain(session)


def test_what_was_deleted_stops_nothing(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        ids = record(session, connection, [{}] * 9)
        session.execute(delete(AcpMessage).where(AcpMessage.id.in_([ids[0], *ids[3:5], ids[8]])))
    add_all(sessions, 4)
    assert_exact(sessions)
    with sessions() as session:
        assert session.get_one(RollupProgress, connection).rolled_seq == 9


def test_a_commit_in_progress_is_counted_when_it_ends(sessions: Sessions, connection: uuid.UUID) -> None:
    """Its numbers are taken, but not committed: nobody has later ones of the connection."""
    with sessions.begin() as session:
        record(session, connection, [{}])
        other = connect(session, container(session, "web-2"))
    with sessions() as recorder:
        record(recorder, connection, [{}] * 3)
        with sessions.begin() as session:
            record(session, other, [{}] * 2)
        add_all(sessions)
        with sessions() as session:
            assert sum(row[6] for row in rolled(session) if row[1] == 1) == 3
        recorder.commit()
    add_all(sessions)
    assert_exact(sessions)


def test_one_worker_at_a_time(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 5)
    with sessions() as first, sessions() as second:
        assert rollups.add(first, 3) == 3
        assert rollups.add(second, 3) == 0
        second.rollback()
        first.commit()
        assert rollups.add(second, 3) == 2
        second.commit()
    assert_exact(sessions)


def test_many_workers_race(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{"size": each} for each in range(1, 200)])
    started = Barrier(4)

    def work() -> None:
        started.wait()
        add_all(sessions, 7)

    threads = [Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    add_all(sessions)
    assert_exact(sessions)


def test_a_container_that_is_not_measured(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        measured(session, "web-1", on=False)
        record(session, connection, [{}] * 5)
    add_all(sessions)
    with sessions.begin() as session:
        assert rolled(session) == []
        measured(session, "web-1", on=True)
        record(session, connection, [{"size": 7}] * 2)
    add_all(sessions)
    with sessions() as session:
        assert [(row[6], row[8]) for row in rolled(session) if row[1] == 1] == [(2, 14)]


def test_a_stranger_cannot_fill_the_table_with_methods(sessions: Sessions, connection: uuid.UUID) -> None:
    names = [f"_strange/{number}" for number in range(rollups.MOST_METHODS * 2)]
    for some in (names[:10], names[:150], names):
        with sessions.begin() as session:
            record(session, connection, [{"method": each} for each in some])
        add_all(sessions)
    with sessions() as session:
        counted = select(MessageRollup.method, MessageRollup.messages).where(MessageRollup.step == 1)
        found = {row.method: row.messages for row in session.execute(counted)}
    assert len(found) == rollups.MOST_METHODS + 1
    assert set(names[:10]) < set(found)
    assert sum(found.values()) == 10 + 150 + 200
    assert found[OTHER_METHODS] == 50 + 100


def test_a_removed_container_stays_in_the_fleets_figures(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 5)
    add_all(sessions)
    with sessions.begin() as session:
        containers.remove(session, stored.get(session, "web-1"), TESTER, "no longer needed")
    with sessions() as session:
        assert rolled(session) == []
        assert [row[7] for row in fleet(session)] == [5, 5, 5]


def test_a_removal_does_not_meet_a_step_in_the_middle(sessions: Sessions, connection: uuid.UUID) -> None:
    with sessions.begin() as session:
        record(session, connection, [{}] * 5)
        other = connect(session, container(session, "web-2"))
        record(session, other, [{}] * 2)
    with sessions() as removing:
        containers.remove(removing, stored.get(removing, "web-1"), TESTER, "no longer needed")
        with sessions.begin() as session:
            assert rollups.add(session) == 2
        removing.commit()
    assert_exact(sessions)


def test_old_minutes_and_hours_are_swept(sessions: Sessions, connection: uuid.UUID) -> None:
    now = dt.datetime.now(dt.UTC)
    ages = [dt.timedelta(hours=1), dt.timedelta(days=3), dt.timedelta(days=100)]
    with sessions.begin() as session:
        record(session, connection, [{"timestamp": now - each} for each in ages])
        rollups.add(session)
    with sessions.begin() as session:
        assert rollups.sweep(session, most=2) == 4
    with sessions.begin() as session:
        assert rollups.sweep(session) == 1
        assert rollups.sweep(session) == 0
        for table, minutes in ((MessageRollup, 1), (FleetRollup, 2)):
            kept = select(table.step, func.count()).group_by(table.step).order_by(table.step)
            assert [tuple(row) for row in session.execute(kept)] == [(1, minutes), (60, 2), (1440, 3)]


def test_the_records_are_found_by_an_index(sessions: Sessions, connection: uuid.UUID) -> None:
    """The next of a connection cost what they are, not what the connection's history is."""
    with sessions.begin() as session:
        other = connect(session, container(session, "web-2"))
        for each in (connection, other):
            record(session, each, [{}] * 3000)
    add_all(sessions)
    with sessions.begin() as session:
        record(session, connection, [{}] * 2)
        session.execute(text("ANALYZE"))
        session.execute(text("SET LOCAL random_page_cost = 4"))  # as for the gateway, whose worker asks
        values = rollups._values([rollups.Pending(connection, 2)])
        session.execute(rollups.ONE_INDEX)
        explained = session.execute(text(f"EXPLAIN {rollups._ADD_NEXT.text}"), values).scalars().all()
    scan = [place for place, line in enumerate(explained) if "on acp_message m" in line]
    assert len(scan) == 1
    assert "ix_acp_message_connection_id_id" in explained[scan[0]]
    assert "from_id" in explained[scan[0] + 1], explained
