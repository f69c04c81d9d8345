"""The list of containers by cursor: each row once, in both directions, narrowed or not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.queries import container_filter, container_list, containers
from app.queries.container_filter import NEVER, ORDERS, ContainerFilter, Only
from app.queries.paging import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.queries.container_list import ContainerRow

SIZES = (1, 7, 50, 200)
COUNT = 60

# Names in no order, small and large; half of them on ACP; every fourth without a connection, the others with
# one in each status in turn and, where that one is active, a former one.
FILL = """
INSERT INTO container (name, endpoint_url, image, owner, supported_protocols, labels, status)
    VALUES (%s, 'http://h', %s, %s, '{http,acp}', %s, %s);
"""
CONNECT = """
INSERT INTO acp_connection (connection_id, container_id, status, version, error_count, metadata)
    SELECT %(name)s || %(status)s, id, %(status)s, '1.0.0', 3, %(metadata)s
    FROM container WHERE name = %(name)s RETURNING id
"""
STATUSES = ("disconnected", "connected", "error", "reconnecting")

FILTERS: list[tuple[ContainerFilter, Callable[[ContainerRow], bool]]] = [
    (ContainerFilter(), lambda _: True),
    (ContainerFilter(text="AGENT:1"), lambda row: row.image == "agent:1"),
    (ContainerFilter(text="ann agent"), lambda row: row.owner == "ann"),
    (ContainerFilter(text="%"), lambda row: "%" in row.owner),
    (ContainerFilter(text="tier=a"), lambda row: row.labels == {"tier": "a"}),
    (ContainerFilter(label="tier=b"), lambda row: row.labels == {"tier": "b"}),
    (ContainerFilter(label="tier"), lambda row: "tier" in row.labels),
    (ContainerFilter(owner="bob"), lambda row: row.owner == "bob"),
    (ContainerFilter(only=frozenset({Only.ERRORS})), lambda row: bool(row.error_count)),
    (ContainerFilter(only=frozenset({Only.STOPPED})), lambda row: row.container_status == "stopped"),
    (ContainerFilter(only=frozenset({Only.HELD})), lambda row: row.held_by is not None),
    (ContainerFilter(only=frozenset({Only.WAITING})), lambda row: row.waiting_for is not None),
    (ContainerFilter(only=frozenset({Only.ENDED})), lambda row: row.status == "disconnected"),
    (
        ContainerFilter(owner="ann", only=frozenset({Only.ERRORS, Only.STOPPED})),
        lambda row: (row.owner, bool(row.error_count), row.container_status) == ("ann", True, "stopped"),
    ),
    (ContainerFilter(text="no such"), lambda _: False),
    (ContainerFilter(protocol="acp"), lambda row: row.protocol_type == "acp"),
    (ContainerFilter(protocol="http"), lambda row: row.protocol_type == "http"),
    *[(ContainerFilter(status=each), lambda row, each=each: row.status == each) for each in STATUSES],
    (ContainerFilter(status=NEVER), lambda row: row.status is None),
    (
        ContainerFilter(text="ann", protocol="acp", status="connected"),
        lambda row: (row.owner, row.protocol_type, row.status) == ("ann", "acp", "connected"),
    ),
]
# Numbered, for a set is written in another order in each process.
each_filter = pytest.mark.parametrize(("narrowed", "wanted"), FILTERS, ids=range(len(FILTERS)))


@pytest.fixture(scope="module")
def filled(server_url: str, migrated_template: str) -> Iterator[Session]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE pages TEMPLATE {migrated_template}".encode())
    url = server_url.replace("///console?", "///pages?", 1)
    with psycopg.connect(url) as connection:
        fill(connection)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with Session(engine) as session:
        yield session
    engine.dispose()


def fill(connection: psycopg.Connection) -> None:
    for n in sorted(range(COUNT), key=lambda number: number * 37 % COUNT):
        name = f"{('web', 'Web', 'a_b')[n % 3]}-{n}"
        labels = json.dumps({"tier": "ab"[n % 2]} if n % 5 else {})
        status = "stopped" if n % 6 == 0 else "running"
        connection.execute(FILL, [name, f"agent:{n % 4}", ("ann", "bob", "100%")[n % 3], labels, status])
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if n % 4:
            active = STATUSES[n // 4 % 4]
            current = connect(connection, name, active)
            if active != "disconnected":
                connect(connection, name, "disconnected")
            if n % 2:
                connection.execute(
                    "UPDATE container_session SET protocol_type = 'acp', acp_connection_id = %s"
                    " WHERE container_id = (SELECT id FROM container WHERE name = %s)",
                    [current, name],
                )

    connection.execute(
        "INSERT INTO connection_action (container_id, kind, reason, requested_by)"
        " SELECT id, 'disconnect', 'r', 'ann' FROM container WHERE name LIKE '%-1_'"
    )
    connection.execute(
        "INSERT INTO acp_message (connection_id, direction, message_type, size, rpc_kind, method)"
        " SELECT id, 'inbound', 'message', 1, 'request', 'session/request_permission' FROM acp_connection"
        " WHERE container_id IN (SELECT id FROM container WHERE name LIKE '%7')"
    )


def connect(connection: psycopg.Connection, name: str, status: str) -> Any:
    metadata = '{"transport": "acp", "latency_ms": 0.7, "last_error": "refused"}'
    row = connection.execute(CONNECT, {"name": name, "status": status, "metadata": metadata}).fetchone()
    assert row is not None
    return row[0]


BY_NAME = Where("name", False)
KEYS: dict[str, Callable[[ContainerRow], Any]] = {
    "name": lambda row: row.name,
    "errors": lambda row: row.error_count or 0,
    "state": lambda row: ("connected", None, "disconnected", "reconnecting", "error").index(row.status),
}
"""What rows are sorted by, where that is exact."""


def everything(session: Session, where: Where = BY_NAME) -> list[ContainerRow]:
    return container_list.page(session, ContainerFilter(), where, limit=COUNT).rows


def test_the_rows_are_all_there_in_order(filled: Session) -> None:
    names = [row.name for row in everything(filled)]
    assert len(names) == len(set(names)) == COUNT
    assert names == sorted(names)  # the embedded database's collation is C


@each_filter
@pytest.mark.parametrize("size", SIZES)
def test_forwards_and_back(
    filled: Session, narrowed: ContainerFilter, wanted: Callable[[ContainerRow], bool], size: int
) -> None:
    expected = [row for row in everything(filled) if wanted(row)]
    pages = [container_list.page(filled, narrowed, BY_NAME, limit=size)]
    while pages[-1].after is not None:
        pages.append(
            container_list.page(filled, narrowed, replace(BY_NAME, after=pages[-1].after), limit=size)
        )
    assert [row for page in pages for row in page.rows] == expected
    assert all(len(page.rows) == size for page in pages[:-1])
    assert pages[0].before is None
    for earlier, later in zip(reversed(pages[:-1]), reversed(pages[1:]), strict=True):
        back = container_list.page(filled, narrowed, replace(BY_NAME, before=later.before), limit=size)
        assert back.rows == earlier.rows
        assert (back.before is None) == (earlier is pages[0])
        assert back.after == earlier.after
    assert container_list.count(filled, narrowed) == len(expected)
    assert set(container_list.ids(filled, narrowed)) == {row.id for row in expected}


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("sort", list(ORDERS))
def test_each_order_has_every_row_once(
    filled: Session,
    sort: str,
    falls: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    rows, where = [], Where(sort, falls)
    while True:
        page = container_list.page(filled, ContainerFilter(), where, limit=7)
        rows += page.rows
        if page.after is None:
            break
        where = replace(where, after=page.after)
    assert sorted(row.name for row in rows) == [row.name for row in everything(filled)]
    if sort in KEYS:
        keys = [KEYS[sort](row) for row in rows]
        assert keys == sorted(keys, reverse=falls)


def test_each_filter_finds_something(filled: Session) -> None:
    rows = everything(filled)
    empty = [narrowed for narrowed, wanted in FILTERS if not any(map(wanted, rows))]
    assert empty == [ContainerFilter(text="no such")]


def test_the_active_connection_is_shown_or_else_the_latest(filled: Session) -> None:
    for row in everything(filled):
        number = int(row.name.rpartition("-")[2])
        assert row.status == (STATUSES[number // 4 % 4] if number % 4 else None)
        facts = (row.latency_ms, row.error, row.error_count)
        assert facts == ((0.7, "refused", 3) if number % 4 else (None, None, None))
        assert container_list.row(filled, row.id) == row


def test_counts_are_the_filters_rows(filled: Session) -> None:
    rows = everything(filled)
    counts = containers.counts(filled)
    assert counts.total == len(rows)
    assert counts.statuses == Counter(row.status or NEVER for row in rows)
    assert counts.protocols == Counter(row.protocol_type for row in rows)


def test_one_by_name_or_id(filled: Session) -> None:
    row = everything(filled)[0]
    assert containers.get(filled, row.name).id == containers.get(filled, str(row.id)).id == row.id
    with pytest.raises(NotFound, match="there is no container 'nobody'"):
        containers.get(filled, "nobody")


@pytest.mark.parametrize("sort", list(ORDERS))
def test_many_that_a_text_finds_are_walked_to(
    filled: Session, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are looked up by their ids; the pages are the same."""
    where = Where(sort, falls=False)
    by_ids = container_list.page(filled, ContainerFilter(text="agent"), where).rows
    assert len(by_ids) > 1
    monkeypatch.setattr(container_filter, "FEW", 0)
    assert container_list.page(filled, ContainerFilter(text="agent"), where).rows == by_ids
