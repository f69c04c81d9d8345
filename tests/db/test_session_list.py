"""The list of a container's sessions says what its records say, however far they are kept."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from app.errors import Invalid, NotFound
from app.models import new_id
from app.protocol.states import Protocol
from app.queries import paging, session_list
from app.queries.paging import Where
from app.queries.session_list import Entry
from app.services import rollups
from tests.db.test_rolled_sessions import add_all, container, crowd, rolled_by_an_older_version, upgraded
from tests.support.records import MOMENT, connect, plain_sessions, record

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

NEWEST = Where("active", falls=True)
STEP = dt.timedelta(seconds=30)
ROW = st.fixed_dictionaries(
    {
        "timestamp": st.integers(0, 300).map(lambda seconds: MOMENT + dt.timedelta(seconds=seconds)),
        "method": st.sampled_from(["session/prompt", "session/update"]),
        "rpc_kind": st.sampled_from(["request", "response"]),
        "acp_session_id": st.sampled_from([None, "", *"abcdefgh", "<b>/.."]),
    }
)


def first_page(session: Session, container_id: uuid.UUID, where: Where = NEWEST) -> paging.Page[Entry]:
    waiting = session_list.whose(session, container_id).waiting
    return session_list.page(session, container_id, where, waiting)


def walked(session: Session, container_id: uuid.UUID, *, falls: bool = True) -> list[Entry]:
    """Return the rows of all pages, the one after the other."""
    page = first_page(session, container_id, Where("active", falls=falls))
    found = list(page.rows)
    while page.after is not None:
        page = first_page(session, container_id, Where("active", falls=falls, after=page.after))
        found += page.rows
    return found


def plainly(session: Session, container_id: uuid.UUID) -> list[Entry]:
    return [Entry(*row[1:]) for row in plain_sessions(session) if row[0] == container_id]


@pytest.fixture
def web(session: Session) -> uuid.UUID:
    return container(session, "web")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.tuples(st.lists(ROW, max_size=8), st.integers(0, 8)), max_size=6), falls=st.booleans()
)
def test_it_is_what_the_records_say(session: Session, batches: list[Any], falls: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    session.rollback()
    web, box = container(session, "web"), container(session, "box")
    connection = connect(session, web)
    record(session, connect(session, box), [{"acp_session_id": "a", "method": "session/prompt"}])
    for rows, most in batches:
        record(session, connection, rows)
        if most:
            rollups.add(session, most)
        found = walked(session, web, falls=falls)
        assert sorted(found) == sorted(plainly(session, web))
        times = [each.last for each in found]
        assert times == sorted(times, reverse=falls)


def test_pages_there_and_back_with_what_is_new_on_the_first(session: Session, web: uuid.UUID) -> None:
    connection = connect(session, web)
    made = [{"acp_session_id": f"s{n:03}", "timestamp": MOMENT + n * STEP} for n in range(130)]
    record(session, connection, made)
    add_all(session)
    late = {"s001": 200, "new": 201}
    record(
        session,
        connection,
        [{"acp_session_id": each, "timestamp": MOMENT + late[each] * STEP} for each in late],
    )
    found = walked(session, web)
    assert [each.session_id for each in found[:3]] == ["new", "s001", "s129"]
    assert sorted(found) == sorted(plainly(session, web))
    second = first_page(session, web, Where("active", falls=True, after=first_page(session, web).after))
    back = first_page(session, web, Where("active", falls=True, before=second.before))
    assert back.rows == found[:52]
    with pytest.raises(Invalid):
        first_page(session, web, Where("active", falls=True, after="x"))


def test_a_flood_of_new_sessions_fills_no_page(session: Session, web: uuid.UUID) -> None:
    connection = connect(session, web)
    record(session, connection, [{"acp_session_id": f"s{n}"} for n in range(300)])
    assert len(first_page(session, web).rows) == paging.LIMIT
    add_all(session)
    assert len(walked(session, web)) == 300


def test_what_is_not_there(session: Session, web: uuid.UUID) -> None:
    assert session_list.whose(session, web) == ("web", 0)
    assert first_page(session, web).rows == []
    with pytest.raises(NotFound):
        session_list.whose(session, new_id())


def test_what_waits_longer_is_counted(session: Session, web: uuid.UUID) -> None:
    """Behind the rollups, whichever connection it is of; or more than a tail."""
    box = container(session, "box")
    ended, present = connect(session, web), connect(session, web, Protocol.HTTP)
    for each in (ended, present, connect(session, box)):
        record(session, each, [{"acp_session_id": "s"}] * 5)

    def waits() -> tuple[int, int, int]:
        of = session_list.uncounted
        return of(session), of(session, web), of(session, box)

    assert waits() == (0, 0, 0)  # some seconds' records
    rolled_by_an_older_version(session, [ended, present])
    assert waits() == (10, 10, 0)
    add_all(session, 3)
    assert waits() == (0, 0, 0)
    upgraded(session)
    assert waits() == (15, 10, 5)
    add_all(session)
    record(session, present, [{"acp_session_id": "s"}] * (session_list.TAIL + 1))
    assert waits() == (session_list.TAIL + 1, session_list.TAIL + 1, 0)
    assert first_page(session, web).rows[0].messages == 10 + session_list.TAIL


def test_a_page_is_read_by_indexes(session: Session, web: uuid.UUID) -> None:
    """What it costs does not depend on how many sessions and records there are."""
    crowd(session)
    connection = connect(session, web)
    made = [{"acp_session_id": f"s{n}", "timestamp": MOMENT + n * STEP} for n in range(2000)]
    record(session, connection, made)
    record(session, connect(session, container(session)), [{}] * 2000)
    add_all(session)
    record(session, connection, [{"acp_session_id": "s1"}] * 2)
    session.execute(text("ANALYZE acp_message, rollup_progress"))
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        cursor.execute(f"EXPLAIN ANALYZE {statement}", parameters)
        plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(session.get_bind(), "before_cursor_execute", explain)
    try:
        assert len(first_page(session, web).rows) == paging.LIMIT + 1
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", explain)
    _, recent, page = plans
    assert "Seq Scan on acp_message" not in recent
    assert "Seq Scan on acp_session" not in recent
    assert "Rows Removed by Filter" not in recent
    assert "pk_acp_session" in recent
    assert "Scan Backward using ix_acp_session_active_at" in page
    assert "Sort" not in page
