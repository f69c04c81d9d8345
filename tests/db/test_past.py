"""States at past moments and over a while: tables of transitions, and a model that walks them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.models import AcpConnection, AcpConnectionTransition, Container, new_id
from app.protocol.states import CONNECTION_MOVES, ConnectionStatus
from app.queries import past
from app.queries.container_filter import ContainerFilter

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
D, C, E, R = (
    ConnectionStatus.DISCONNECTED,
    ConnectionStatus.CONNECTED,
    ConnectionStatus.ERROR,
    ConnectionStatus.RECONNECTING,
)
ALL = ContainerFilter()


class Change(NamedTuple):
    """A connection's move, some seconds after START."""

    connection: int
    second: int
    status: ConnectionStatus


class History(NamedTuple):
    """A container: when it was registered, its connections' first dials, and their moves in order."""

    registered: int
    dialled: Sequence[int]
    changes: Sequence[Change]

    def status_at(self, second: int) -> str | None:
        """Say what is expected: the model, in as few words as the rule has."""
        if second < self.registered:
            return None
        done = [change.status for change in self.changes if change.second <= second]
        return done[-1] if done else D if any(each <= second for each in self.dialled) else "never"


def at(second: float) -> dt.datetime:
    return START + dt.timedelta(seconds=second)


def store(session: Session, name: str, history: History) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """Write a container with its connections and transitions as they would stand now."""
    container_id = new_id()
    made = {"created_at": at(history.registered), "endpoint_url": "http://127.0.0.1:1"}
    session.execute(insert(Container).values(id=container_id, name=name, **made))
    last = dict.fromkeys(range(len(history.dialled)), D)
    last |= {change.connection: change.status for change in history.changes}
    rows = [new_id() for _ in history.dialled]
    for number, row_id in enumerate(rows):
        session.execute(
            insert(AcpConnection).values(
                id=row_id,
                connection_id=str(row_id),
                container_id=container_id,
                status=last[number],
                version="1.0.0",
                created_at=at(history.dialled[number]),
                metadata_={"transport": ("acp", "http")[number % 2]},
            )
        )
    before = dict.fromkeys(range(len(rows)), D)
    for change in history.changes:
        session.execute(
            insert(AcpConnectionTransition).values(
                id=new_id(),
                connection_id=rows[change.connection],
                from_status=before[change.connection],
                to_status=change.status,
                reason=f"to {change.status}",
                at=at(change.second),
            )
        )
        before[change.connection] = change.status
    return container_id, rows


LIFE = History(
    10,
    [20, 100],
    [
        Change(0, 30, C),
        Change(0, 50, E),
        Change(0, 51, R),
        Change(0, 60, C),
        Change(0, 100, D),  # a protocol migration: both in one transaction, at one time
        Change(1, 100, C),
        Change(1, 200, D),
    ],
)


@pytest.mark.parametrize(
    ("second", "status"),
    [
        (9, None),
        (10, "never"),
        (19, "never"),
        (20, D),
        (29.9, D),
        (30, C),
        (50, E),
        (50.5, E),
        (51, R),
        (60, C),
        (99, C),
        (100, C),
        (199, C),
        (200, D),
        (9999, D),
    ],
)
def test_a_life(session: Session, second: float, status: str | None) -> None:
    _, rows = store(session, "web-1", LIFE)
    found = past.page(session, at(second), ALL).rows
    assert [row.status for row in found] == ([] if status is None else [status])
    assert past.counts(session, at(second)).statuses == ({} if status is None else {status: 1})
    if second == 100:
        assert (found[0].connection_id, found[0].protocol) == (rows[1], "http")
        assert (found[0].since, found[0].reason, found[0].status_now) == (at(100), "to connected", D)


def test_it_is_narrowed_by_what_was_then_and_paged(session: Session) -> None:
    for number in range(5):
        store(session, f"web-{number}", LIFE if number % 2 else History(0, [], []))
    moment = at(55)
    assert [row.name for row in past.page(session, moment, ContainerFilter(status=R)).rows] == [
        "web-1",
        "web-3",
    ]
    assert [row.name for row in past.page(session, moment, ContainerFilter(protocol="acp", text="b-3")).rows]
    assert not past.page(session, moment, ContainerFilter(protocol="http")).rows
    first = past.page(session, moment, ALL, limit=2)
    assert ([row.name for row in first.rows], first.after) == (["web-0", "web-1"], "web-1")
    rest = past.page(session, moment, ALL, after="web-1", limit=3)
    assert ([row.name for row in rest.rows], rest.after) == (["web-2", "web-3", "web-4"], None)


def test_what_was_removed_since_is_not_known(session: Session) -> None:
    container_id, _ = store(session, "web-1", LIFE)
    assert past.counts(session, at(70)).total == 1
    session.execute(delete(Container).where(Container.id == container_id))
    assert past.counts(session, at(70)).total == 0


def test_a_transition_knows_its_container_though_nobody_says_so(session: Session) -> None:
    container_id, rows = store(session, "web-1", LIFE)
    of = session.query(AcpConnectionTransition).filter_by(connection_id=rows[1])
    assert {each.container_id for each in of} == {container_id}


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (0, 15, [("never", 0, 15)]),
        (0, 40, [("never", 0, 20), (D, 20, 30), (C, 30, 40)]),
        (40, 45, [(C, 40, 45)]),
        (45, 70, [(C, 45, 50), (E, 50, 51), (R, 51, 60), (C, 60, 70)]),
        (90, 110, [(C, 90, 100), (C, 100, 110)]),
        (200, 300, [(D, 200, 300)]),
    ],
)
def test_spans_of_a_container(
    session: Session, begin: int, end: int, expected: list[tuple[str, int, int]]
) -> None:
    container_id, _ = store(session, "web-1", LIFE)
    found = past.of_container(session, container_id, at(begin), at(end))
    assert [(each.status, each.begin, each.end) for each in found] == [
        (status, at(first), at(last)) for status, first, last in expected
    ]


def test_spans_of_a_connection_end_with_it(session: Session) -> None:
    _, rows = store(session, "web-1", LIFE)
    found = past.of_connection(session, rows[0], at(55), at(300))
    assert [(each.status, each.seconds) for each in found] == [(R, 5.0), (C, 40.0), (D, 200.0)]
    assert found[1].change is not None
    assert found[1].change.reason == "to connected"


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a container whose connections move as the data model lists, one active at a time."""
    registered = draw(st.integers(0, 30))
    dialled = sorted(draw(st.lists(st.integers(registered, 60), max_size=3)))
    states = dict.fromkeys(range(len(dialled)), D)
    changes: list[Change] = []
    second = max(dialled, default=0)
    for _ in range(draw(st.integers(0, 8)) if dialled else 0):
        second += draw(st.integers(0, 5))
        active = next((each for each, status in states.items() if status is not D), None)
        number = active if active is not None else draw(st.sampled_from(sorted(states)))
        states[number] = draw(st.sampled_from(sorted(CONNECTION_MOVES[states[number]])))
        changes.append(Change(number, second, states[number]))
    return History(registered, dialled, changes)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(fleet=st.lists(histories(), max_size=4), second=st.integers(0, 120), while_=st.integers(1, 60))
def test_the_states_at_any_moment_are_the_models(
    session: Session, fleet: list[History], second: int, while_: int
) -> None:
    with session.begin_nested() as savepoint:
        ids = [store(session, f"web-{number}", each)[0] for number, each in enumerate(fleet)]
        expected = {
            f"web-{number}": status
            for number, each in enumerate(fleet)
            if (status := each.status_at(second)) is not None
        }
        found = past.page(session, at(second), ALL).rows
        assert {row.name: row.status for row in found} == expected
        counted = past.counts(session, at(second)).statuses
        assert counted == {status: list(expected.values()).count(status) for status in expected.values()}
        for container_id, each in zip(ids, fleet, strict=True):
            spans = past.of_container(session, container_id, at(second), at(second + while_))
            assert [span.end for span in spans[:-1]] == [span.begin for span in spans[1:]]
            assert (spans[0].begin, spans[-1].end) == (at(second), at(second + while_))
            for span in spans:
                middle = int((span.begin - START).total_seconds())
                assert span.status == (each.status_at(middle) or "never")
        savepoint.rollback()
