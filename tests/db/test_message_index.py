"""The search index: however far it has come, a search finds what looking at each record finds."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from app.models import (
    AcpConnection,
    AcpConnectionSequence,
    AcpMessage,
    MessageSearchBlock,
    MessageSearchCursor,
    MessageSearchSlice,
)
from app.models.base import first_id_at
from app.protocol.states import Protocol
from app.queries import message_index, message_search
from app.queries.message_filter import TEXT, Term
from app.queries.moments import moment
from app.services import connections
from app.services import message_search as index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container

    Register = Callable[..., Container]

NAMES = ("web-1", "web-2")
START = first_id_at(moment("2026-01-01")).int


class Made(NamedTuple):
    """A record to be: its container, how much later than its connection's last, and what it says."""

    container: int
    later: int
    text: str
    type: str
    error: bool
    extend: bool


texts = st.text(st.sampled_from('abcABß \\"/\n%_é'), max_size=8)
made = st.builds(
    Made,
    st.integers(0, 1),
    st.integers(1, 40),
    texts,
    st.sampled_from(["event", "message"]),
    st.booleans(),
    st.integers(0, 5).map(lambda number: number == 0),
)
terms = st.lists(
    st.one_of(
        st.builds(Term, st.just(TEXT), texts.filter(bool), st.booleans()),
        st.builds(Term, st.just("type"), st.sampled_from(["event", "message"]), st.booleans()),
        st.builds(Term, st.just("status"), st.just("error"), st.booleans()),
        st.builds(Term, st.just("container"), st.sampled_from(NAMES)),
        st.builds(Term, st.just("method"), st.sampled_from(["m/abc", "m/*", "*c", "m/xyz"]), st.booleans()),
    ),
    max_size=3,
    unique_by=lambda term: term.field,
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, slices and steps of so few that a test has many of them."""
    monkeypatch.setattr(index, "BLOCK_RECORDS", 3)
    monkeypatch.setattr(index, "SLICE_BLOCKS", 2)
    monkeypatch.setattr(index, "BATCH", 5)
    monkeypatch.setattr(message_index, "FIRST_BLOCKS", 1)
    monkeypatch.setattr(message_index, "GROWTH", 1)
    monkeypatch.setattr(message_search, "FIRST_RECORDS", 2)


class Recorder:
    """Records as the gateway does: in the order of ids in each connection, and of nothing between them."""

    def __init__(self, session: Session, register: Register) -> None:
        self.session = session
        self.connections = [
            connections.open_row(session, register(name).id, Protocol.ACP, "1.0.0") for name in NAMES
        ]
        self._last = [0, 0]
        session.flush()

    def record(self, each: Made) -> AcpMessage:
        connection = self.connections[each.container]
        self._last[each.container] += each.later
        advance = update(AcpConnectionSequence).where(AcpConnectionSequence.connection_id == connection.id)
        advance = advance.values(last_seq=AcpConnectionSequence.last_seq + 1)
        seq = self.session.scalar(advance.returning(AcpConnectionSequence.last_seq))
        message = AcpMessage(
            id=uuid.UUID(int=START + (self._last[each.container] << 80) + each.container),
            connection_id=connection.id,
            direction="inbound",
            message_type=each.type,
            method="m/abc" if each.error else None,
            payload={"text": each.text},
            size=1,
            seq=seq,
            error=each.error,
        )
        self.session.add(message)
        self.session.flush()
        return message


@pytest.fixture
def recorder(session: Session, register: Register) -> Recorder:
    recorder = Recorder(session, register)
    for each in recorder.connections:
        connections.begin_sequences(session, [each.id])
    return recorder


def matches(term: Term, each: Made, record: AcpMessage) -> bool:
    """Say whether a term holds for a record, without any SQL."""
    if term.field == TEXT:
        payload = json.dumps(record.payload, ensure_ascii=False).lower()
        written = json.dumps(term.value, ensure_ascii=False)[1:-1].lower()
        plain = term.value.lower()
        found = plain in payload or written in payload or plain in (record.method or "")
    elif term.field == "type":
        found = each.type == term.value
    elif term.field == "status":
        found = each.error
    elif term.field == "method":
        found = record.method is not None and term.value != "m/xyz"
    else:
        found = NAMES[each.container] == term.value
    return found != term.negated


def search(session: Session, wanted: Sequence[Term]) -> list[uuid.UUID]:
    """Page to the end."""
    seen: list[uuid.UUID] = []
    before = None
    while True:
        found = message_search.page(session, wanted, before=before, limit=2)
        seen += [each.id for each in found.records]
        assert before is None or found.older is None or found.older < before
        before = found.older
        if before is None:
            return seen


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(made, max_size=24), terms, st.sampled_from([0, 60]))
@example(
    [Made(0, 9, "abc", "event", False, True), Made(1, 3, "abc", "event", False, False)],
    [Term(TEXT, "abc")],
    60,
)
def test_a_search_finds_what_looking_at_each_finds(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, records: list[Made], wanted: list[Term], seconds: int
) -> None:
    monkeypatch.setattr(message_search, "SECONDS", seconds)
    session = recorder.session
    last = list(recorder._last)
    with session.begin_nested() as undone:
        pairs = []
        for each in records:
            pairs.append((each, recorder.record(each)))
            if each.extend:
                index.extend(session, all_of_them=True)
        hits = [record.id for each, record in pairs if all(matches(term, each, record) for term in wanted)]
        assert search(session, wanted) == sorted(hits, reverse=True)
        while index.extend(session, all_of_them=True):
            pass
        assert message_index.first_behind(session) is None
        assert search(session, wanted) == sorted(hits, reverse=True)
        undone.rollback()
    session.expunge_all()
    recorder.connections = list(session.scalars(select(AcpConnection).order_by(AcpConnection.id)))
    recorder._last = last


def test_a_page_without_time_goes_on_where_it_ended(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks at least once, and never at the same again: also where blocks overlap."""
    monkeypatch.setattr(message_search, "SECONDS", 0)
    session, made = recorder.session, list[AcpMessage]()
    for container in (0, 1):  # the second's are committed late: each block of theirs is within another
        made += [recorder.record(Made(container, 10, "abc", "event", False, False)) for _ in range(12)]
        while index.extend(session, all_of_them=True):
            pass
    first = message_search.page(session, [Term(TEXT, "abc x")])
    assert first.looked_to is not None
    assert search(session, [Term(TEXT, "abc")]) == sorted((each.id for each in made), reverse=True)
    assert search(session, [Term(TEXT, "abc x")]) == []


def fill(recorder: Recorder, count: int, text: str = "plain") -> list[AcpMessage]:
    return [
        recorder.record(Made(number % 2, 1, f"{text} {number}", "event", False, False))
        for number in range(count)
    ]


def test_every_record_is_in_one_block(recorder: Recorder) -> None:
    made = fill(recorder, 20)
    while index.extend(recorder.session, all_of_them=True):
        pass
    ids = [each for block in recorder.session.scalars(select(MessageSearchBlock)) for each in block.ids]
    assert sorted(ids) == sorted(each.id for each in made)
    newest = recorder.session.scalars(select(MessageSearchSlice.last_id)).all()
    assert max(newest) == max(ids)


def test_records_without_numbers_are_indexed_once_too(recorder: Recorder) -> None:
    """As they are from before numbers were kept."""
    session = recorder.session
    made = fill(recorder, 14)
    session.execute(update(AcpConnectionSequence).values(last_seq=0))
    session.execute(delete(AcpMessage))
    for each in made:
        session.expunge(each)
    copies = [
        AcpMessage(
            id=each.id, connection_id=each.connection_id, direction="inbound", message_type="event", size=1
        )
        for each in made
    ]
    session.add_all(copies)
    session.flush()
    while index.extend(session, all_of_them=True):
        pass
    ids = [each for block in session.scalars(select(MessageSearchBlock)) for each in block.ids]
    assert sorted(ids) == sorted(each.id for each in made)


def test_a_few_new_ones_wait_for_others(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(recorder, 4)
    monkeypatch.setattr(index.time, "time", lambda: START / (1 << 80) / 1000 + index.OLD_SECONDS - 1)
    assert index.extend(recorder.session) == 0
    monkeypatch.setattr(index.time, "time", lambda: START / (1 << 80) / 1000 + index.OLD_SECONDS + 1)
    assert index.extend(recorder.session) == 4


def test_what_was_deleted_is_not_found_and_forgotten(recorder: Recorder) -> None:
    session = recorder.session
    # Blocks of one slice are forgotten together, and other tests have taken numbers.
    session.execute(text("ALTER SEQUENCE message_search_block_number_seq RESTART"))
    fill(recorder, 12, "before")
    while index.extend(session, all_of_them=True):
        pass
    session.execute(delete(AcpMessage))
    assert search(session, [Term(TEXT, "before")]) == []
    kept = recorder.record(Made(0, 100, "kept", "event", False, False))
    index.extend(session, all_of_them=True)
    index.forget(session)
    assert [block.ids for block in session.scalars(select(MessageSearchBlock))] == [[kept.id]]
    assert session.scalar(select(func.count()).select_from(MessageSearchSlice)) == 1
    assert search(session, [Term(TEXT, "kept")]) == [kept.id]


def test_only_one_works_at_a_time(recorder: Recorder, untouched_url: str) -> None:
    fill(recorder, 4)
    with psycopg.connect(untouched_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [index._LOCK])
        assert index.extend(recorder.session, all_of_them=True) == 0
    assert index.extend(recorder.session, all_of_them=True) == 4


def test_a_removed_containers_cursor_goes_with_it(recorder: Recorder) -> None:
    session = recorder.session
    fill(recorder, 4)
    index.extend(session, all_of_them=True)
    session.execute(delete(AcpMessage))
    session.execute(delete(AcpConnection))
    assert session.scalar(select(func.count()).select_from(MessageSearchCursor)) == 0
