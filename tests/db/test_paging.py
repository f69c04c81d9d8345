"""Pages by key: forwards and back each row comes once, whatever is added; a strange cursor is told."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, delete, insert, select
from sqlalchemy.dialects.postgresql import UUID

from app.errors import Invalid
from app.queries import paging
from app.queries.paging import Order, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from app.queries.paging import Page

PAGED = Table(
    "paged",
    MetaData(),
    Column("id", UUID(as_uuid=True)),
    Column("number", Integer),
    Column("name", Text),
    Column("at", DateTime(timezone=True)),
    prefixes=["TEMPORARY"],
)
ORDERS = {
    "number": Order(column=PAGED.c.number, tie=PAGED.c.id, kind=int),
    "name": Order(column=PAGED.c.name, tie=PAGED.c.id, kind=str, falls=True),
    "at": Order(column=PAGED.c.at, tie=PAGED.c.id, kind=dt.datetime),
    "id": Order(column=PAGED.c.id, kind=uuid.UUID),
}
MOMENT = dt.datetime(2026, 11, 25, 12, 0, 0, 1, tzinfo=dt.UTC)

numbers = st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(0, 3)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
rows = st.lists(st.tuples(st.uuids(), numbers, names), unique_by=lambda row: row[0], max_size=25)


@pytest.fixture
def paged(session: Session) -> Session:
    PAGED.create(session.connection())
    return session


def fill(session: Session, found: list[tuple[uuid.UUID, int, str]]) -> None:
    if found:
        values = [
            {"id": id_, "number": number, "name": name, "at": MOMENT + dt.timedelta(microseconds=number)}
            for id_, number, name in found
        ]
        session.execute(insert(PAGED), values)


def page(session: Session, where: Where, limit: int) -> Page[uuid.UUID]:
    return paging.read(session, select(PAGED.c.id), ORDERS, where, make=lambda row: row[0], limit=limit)


def forwards(session: Session, sort: str, *, falls: bool, limit: int) -> Iterator[Page[uuid.UUID]]:
    where = Where(sort, falls)
    while True:
        found = page(session, where, limit)
        yield found
        if found.after is None:
            return
        where = Where(sort, falls, after=found.after)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(found=rows, sort=st.sampled_from(list(ORDERS)), falls=st.booleans(), limit=st.integers(1, 6))
def test_walking_there_and_back_gives_the_sorted_list(
    paged: Session,
    found: list[tuple[uuid.UUID, int, str]],
    sort: str,
    falls: bool,  # noqa: FBT001 - hypothesis names it
    limit: int,
) -> None:
    paged.execute(delete(PAGED))
    fill(paged, found)
    columns = [column for column in (ORDERS[sort].column, ORDERS[sort].tie) if column is not None]
    ways = [column.desc() if falls else column.asc() for column in columns]
    expected = list(paged.scalars(select(PAGED.c.id).order_by(*ways)))
    pages = list(forwards(paged, sort, falls=falls, limit=limit))
    assert [id_ for each in pages for id_ in each.rows] == expected
    assert pages[0].before is None
    for earlier, later in zip(reversed(pages[:-1]), reversed(pages[1:]), strict=True):
        back = page(paged, Where(sort, falls, before=later.before), limit)
        assert back.rows == earlier.rows
        assert back.after == earlier.after
        assert (back.before is None) == (earlier is pages[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(found=rows, more=rows, falls=st.booleans(), limit=st.integers(1, 4))
def test_what_is_added_on_the_way_moves_nothing(
    paged: Session,
    found: list[tuple[uuid.UUID, int, str]],
    more: list[tuple[uuid.UUID, int, str]],
    falls: bool,  # noqa: FBT001
    limit: int,
) -> None:
    known = {row[0] for row in found}
    paged.execute(delete(PAGED))
    fill(paged, found)
    expected = [id_ for each in forwards(paged, "number", falls=falls, limit=50) for id_ in each.rows]
    seen: list[uuid.UUID] = []
    added = [row for row in more if row[0] not in known]
    for each in forwards(paged, "number", falls=falls, limit=limit):
        seen += each.rows
        fill(paged, [added.pop()] if added else [])
    assert [id_ for id_ in seen if id_ in known] == expected
    assert len(seen) == len(set(seen))


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


ID = str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    "strange",
    [
        "x",
        "é",
        "\0",
        "[]",
        "A" * 2000,
        base64.urlsafe_b64encode(b"[" * 700).decode(),
        cursor(),
        cursor("number"),
        cursor("name", "a", ID),
        cursor("number", 1, ID, 1),
        cursor("number", "1", ID),
        cursor("number", True, ID),
        cursor("number", 2**31, ID),
        cursor("number", 1, "7"),
        cursor("number", 1.5, ID),
        cursor("number", None, None),
        cursor("number", [], {}),
    ],
)
@pytest.mark.parametrize("way", ["after", "before"])
def test_a_strange_cursor_is_told(paged: Session, strange: str, way: str) -> None:
    with pytest.raises(Invalid, match="start at its first page"):
        page(paged, Where("number", False, **{way: strange}), 5)


@pytest.mark.parametrize("strange", [cursor("name", "\ud800", ID), cursor("name", "a\0b", ID)])
def test_a_text_that_is_none_is_told(paged: Session, strange: str) -> None:
    with pytest.raises(Invalid, match="start at its first page"):
        page(paged, Where("name", True, after=strange), 5)


@pytest.mark.parametrize("strange", ["2026-11-25T12:00", "yesterday", "99999-01-01T00:00+00:00"])
def test_a_time_that_is_none_is_told(paged: Session, strange: str) -> None:
    with pytest.raises(Invalid, match="start at its first page"):
        page(paged, Where("at", False, after=cursor("at", strange, ID)), 5)


def test_where_reads_the_url() -> None:
    assert Where.of({}, ORDERS) == Where("number", False)
    assert Where.of({"sort": "-number"}, ORDERS) == Where("number", True)
    assert Where.of({"sort": "name", "after": "x"}, ORDERS) == Where("name", True, "x")
    assert Where.of({"sort": "-name"}, ORDERS) == Where("name", False)
    for strange in ("nothing", "-nothing", "--name", "-", "'"):
        assert Where.of({"sort": strange}, ORDERS) == Where("number", False)
    for word in ("number", "-number", "name", "-name"):
        assert Where.of({"sort": word}, ORDERS).word(ORDERS) == word
