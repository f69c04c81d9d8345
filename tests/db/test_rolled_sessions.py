"""Sessions hold each record once: against a plain aggregate, whatever was rolled up before or passed over."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from app.models import AcpConnection, AcpMessage, AcpSession, RollupProgress
from app.models.acp_session import OTHER_SESSIONS
from app.models.base import first_id_at
from app.protocol.states import Protocol
from app.queries import containers as stored
from app.services import containers, rolled_sessions, rollups
from app.services.rolled_records import ONE_INDEX, Pending, values
from tests.support.records import (
    MOMENT,
    connect,
    container,
    kept_sessions,
    measured,
    plain,
    plain_sessions,
    record,
    rolled,
)
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

LONG: Final = "ü" * 200
ROW = st.fixed_dictionaries(
    {
        "place": st.integers(0, 1000),
        "timestamp": st.integers(-40, 100).map(lambda seconds: MOMENT + dt.timedelta(seconds=seconds)),
        "method": st.sampled_from([None, "session/prompt", "session/update"]),
        "rpc_kind": st.sampled_from(["request", "response", "notification"]),
        "acp_session_id": st.sampled_from([None, "", "a", "b", "<b>/..", LONG]),
    }
)
BATCH = st.tuples(st.integers(0, 2), st.lists(ROW, min_size=1, max_size=6))
ELSE = st.sampled_from(["upgraded", "older version", "unmeasured", "measured", "new connection"])


def upgraded(session: Session) -> None:
    """Leave what is rolled up as a migration from before there were sessions leaves it."""
    session.execute(delete(AcpSession))
    before = {"sessions_seq": 0, "sessions": 0, "sessions_floor_id": uuid.UUID(int=0)}
    session.execute(update(RollupProgress).values(before))


def rolled_by_an_older_version(session: Session, connections: Sequence[uuid.UUID]) -> None:
    """Move on what that knows, and nothing else."""
    for statement in (rollups._BEGIN, rollups._PASS_OVER):
        session.execute(statement, {"connections": connections})


def add_all(session: Session, most: int = rollups.STEP_ROWS) -> int:
    """Add until nothing is left; return how many records there were to add."""
    return sum(iter(lambda: rollups.add(session, most), 0))


def told(session: Session) -> dict[str, int]:
    """Return how many records each session has."""
    return {row[0]: row[1] for row in session.execute(select(AcpSession.session_id, AcpSession.messages))}


def crowd(session: Session) -> None:
    """Add containers with a session each: then one with thousands is not what PostgreSQL expects."""
    many = "INSERT INTO container (name, endpoint_url) SELECT n, 'http://h' FROM generate_series(1, 2000) n"
    session.execute(
        text(
            f"WITH many AS ({many} RETURNING id) INSERT INTO acp_session"
            " (container_id, session_id, first_at, last_at, active_at, prompts, messages)"
            " SELECT id, 's', now(), now(), now(), 1, 1 FROM many"
        )
    )
    session.execute(text("ANALYZE acp_session"))


@pytest.fixture
def connection(session: Session) -> uuid.UUID:
    return connect(session, container(session))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.one_of(BATCH, BATCH, ELSE), max_size=12), most=st.integers(1, 20))
def test_sessions_are_exact(session: Session, acts: list[Any], most: int) -> None:
    """Records of two containers, under ids in any order, whatever else goes on, in steps of any size."""
    session.rollback()
    web, box = container(session, "web"), container(session, "box")
    ids = [connect(session, web), connect(session, box), connect(session, web, Protocol.HTTP)]
    numbers = itertools.count(1)

    def made(row: dict[str, Any]) -> dict[str, Any]:
        at = first_id_at(MOMENT + dt.timedelta(milliseconds=row["place"]))
        return {name: row[name] for name in row if name != "place"} | {
            "id": uuid.UUID(int=at.int | next(numbers))
        }

    for act in acts:
        match act:
            case "upgraded":
                upgraded(session)
            case "older version":
                rolled_by_an_older_version(session, ids)
            case "new connection":
                ids[1] = connect(session, box, Protocol.HTTP)
            case "unmeasured" | "measured":
                measured(session, "web", on=act == "measured")
            case which, rows:
                record(session, ids[which], [made(row) for row in rows])
        rollups.add(session, most)
    add_all(session, most)
    assert kept_sessions(session) == plain_sessions(session)


def test_a_container_that_is_not_measured_has_its_sessions(session: Session, connection: uuid.UUID) -> None:
    measured(session, "web-1", on=False)
    record(session, connection, [{"acp_session_id": "s"}] * 3)
    assert add_all(session) == 3
    assert (rolled(session), told(session)) == ([], {"s": 3})
    measured(session, "web-1", on=True)
    record(session, connection, [{"acp_session_id": "s"}] * 2)
    assert add_all(session) == 2
    assert told(session) == {"s": 5}


def test_a_history_is_caught_up_in_steps_behind_what_is_new(session: Session, connection: uuid.UUID) -> None:
    record(session, connection, [{"acp_session_id": "old"}] * 25)
    other = connect(session, container(session, "web-2"))
    record(session, other, [{"acp_session_id": "new"}] * 3)
    add_all(session)
    upgraded(session)
    record(session, other, [{"acp_session_id": "new"}] * 2)
    assert rollups.add(session, 10) == 10  # the 2 that are in no rollup, then the shortest history
    assert told(session) == {"new": 5, "old": 3}
    assert rollups.add(session, 10) == 10
    assert add_all(session, 10) == 12
    assert kept_sessions(session) == plain_sessions(session)
    assert rolled(session) == plain(session)


def test_a_crash_while_catching_up_adds_nothing_twice(sessions: Sessions) -> None:
    with sessions.begin() as session:
        record(session, connect(session, container(session)), [{"acp_session_id": "s"}] * 5)
        add_all(session)
        upgraded(session)
    with sessions() as session:
        assert rollups.add(session, 3) == 3
        session.rollback()  # as a killed process leaves it
    with sessions.begin() as session:
        assert told(session) == {}
        add_all(session, 3)
        assert told(session) == {"s": 5}


def test_what_was_deleted_stops_nothing(session: Session, connection: uuid.UUID) -> None:
    ids = record(session, connection, [{"acp_session_id": "s"}] * 9)
    add_all(session)
    upgraded(session)
    session.execute(delete(AcpMessage).where(AcpMessage.id.in_([ids[0], *ids[3:5], ids[8]])))
    add_all(session, 4)
    assert told(session) == {"s": 5}


def test_an_agent_cannot_fill_the_table(
    session: Session, connection: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolled_sessions, "MOST_SESSIONS", 20)
    names = [f"s{number:03}" for number in range(50)]
    for some in (names[:5], names[:15], names, names):
        record(session, connection, [{"acp_session_id": each} for each in some])
        add_all(session, 12)
    kept = told(session)
    assert kept.pop(OTHER_SESSIONS) == 2 * 30
    assert set(kept) == set(names[:20])
    assert sum(kept.values()) == 5 + 15 + 2 * 20
    again = connect(session, session.get_one(AcpConnection, connection).container_id, Protocol.HTTP)
    record(session, again, [{"acp_session_id": names[-1]}])
    add_all(session)
    assert told(session)[names[-1]] == 1


def test_ids_that_the_recorder_would_have_cut_break_no_index(session: Session, connection: uuid.UUID) -> None:
    chance = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))  # does not compress
    record(session, connection, [{"acp_session_id": each} for each in (chance, LONG, LONG + "x", "")])
    add_all(session)
    assert told(session) == {LONG: 1, OTHER_SESSIONS: 3}


def test_sessions_go_with_their_container_and_stay_without_a_connection(
    session: Session, connection: uuid.UUID
) -> None:
    record(session, connection, [{"acp_session_id": "s"}])
    other = connect(session, container(session, "web-2"))
    record(session, other, [{"acp_session_id": "s"}])
    add_all(session)
    session.execute(delete(AcpConnection).where(AcpConnection.id == other))
    assert session.scalar(select(func.count()).select_from(AcpSession)) == 2
    containers.remove(session, stored.get(session, "web-1"), TESTER, "no longer needed")
    assert session.scalar(select(func.count()).select_from(AcpSession)) == 1


def test_a_removal_does_not_meet_a_step_in_the_middle(sessions: Sessions) -> None:
    """Neither waits for the other, in whichever order both come: a new session names its container."""
    with sessions.begin() as session:
        for name in ("web-1", "web-2"):
            record(session, connect(session, container(session, name)), [{"acp_session_id": "s"}])
        rolled_by_an_older_version(session, session.scalars(select(AcpConnection.id)).all())
    with sessions() as removing:
        containers.remove(removing, stored.get(removing, "web-1"), TESTER, "no longer needed")
        with sessions.begin() as session:
            assert rollups.add(session) == 1
        removing.commit()
    with sessions() as session:
        assert kept_sessions(session) == plain_sessions(session)


def test_the_records_are_found_by_an_index(sessions: Sessions) -> None:
    """Catching up costs what is added, not what the connection's history is, nor how many sessions are."""
    with sessions.begin() as session:
        crowd(session)
        first = connect(session, container(session))
        for each in (first, connect(session, container(session, "web-2"))):
            record(session, each, [{"acp_session_id": f"s{number}"} for number in range(3000)])
        add_all(session)
        session.execute(text("ANALYZE acp_message, rollup_progress"))
        session.execute(text("SET LOCAL random_page_cost = 4"))  # as for the gateway, whose worker asks
        session.execute(ONE_INDEX)
        asked = values([Pending(first, 2)]) | rolled_sessions.constants()
        explain = text(f"EXPLAIN {rolled_sessions._ADD_NEXT.text}")
        explained = session.execute(explain, asked).scalars().all()
    (scan,) = [place for place, line in enumerate(explained) if "on acp_message m" in line]
    assert "ix_acp_message_connection_id_id" in explained[scan]
    assert "sessions_floor_id" in explained[scan + 1], explained
    (looked_up,) = [line for line in explained if "on acp_session s" in line and "Insert" not in line]
    assert "Index Only Scan using pk_acp_session" in looked_up
