"""The list of containers by cursor: each row once, in both directions, narrowed or not, no full sort."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.embedded import PLANNING
from app.errors import NotFound
from app.queries import container_filter, container_list, containers
from app.queries.container_filter import NEVER, ORDERS, ContainerFilter, Only
from app.queries.paging import Where, keyed

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


INDEXES = {
    "name": "uq_container_name",
    "errors": "ix_container_standing_error_count",
    "activity": "ix_container_standing_active_at",
    "latency": "ix_container_standing_latency_step",
    "state": "ix_container_standing_urgency",
}


@pytest.fixture(scope="module")
def crowded(server_url: str, migrated_template: str) -> Iterator[psycopg.Connection]:
    """Ten thousand containers, each with a connection of its own errors, activity and latency."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE crowded TEMPLATE {migrated_template}".encode())
    url = server_url.replace("///console?", "///crowded?", 1)
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(PLANNING)
        connection.execute(
            "INSERT INTO container (name, endpoint_url, image) SELECT 'c-' || lpad(n::text, 5, '0'),"
            " 'http://h', 'agent:' || n % 4 FROM generate_series(1, 10000) n ORDER BY hashint4(n)"
        )
        connection.execute(
            "INSERT INTO acp_connection (connection_id, container_id, status, version, error_count,"
            " last_active, metadata)"
            " SELECT name, id, (ARRAY['connected', 'error', 'disconnected'])[1 + abs(hashtext(name)) % 3],"
            " '1.0.0', abs(hashtext(name)) % 9, now() - abs(hashtext(name)) % 9999 * interval '1 s',"
            " jsonb_build_object('latency_ms', abs(hashtext(name)) % 500) FROM container"
        )
        connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.mark.parametrize("narrowed", [ContainerFilter(), ContainerFilter(text="agent:1")], ids=str)
@pytest.mark.parametrize("place", ["first", "after", "before"])
@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("sort", list(ORDERS))
def test_ten_thousand_are_not_sorted(
    crowded: psycopg.Connection[Any],
    narrowed: ContainerFilter,
    sort: str,
    place: str,
    falls: bool,  # noqa: FBT001
) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(crowded.info.dsn))
    where = Where(sort, falls)
    with Session(engine) as session:
        if place != "first":
            far = container_list.page(session, narrowed, where, limit=1200).after  # from both ends
            where = replace(where, **{place: far})
    engine.dispose()
    statement, cursor = keyed(container_list.rows_of(narrowed), ORDERS[sort], where, limit=51)
    plans = list(nodes(plan_of(crowded, statement.params(cursor))))
    assert any(node.get("Index Name") == INDEXES[sort] for node in plans)
    # Each container's few messages are sorted by themselves; nothing that reads containers is.
    for node in plans:
        if node["Node Type"] in {"Sort", "Incremental Sort"}:
            below = {each.get("Relation Name") for each in nodes(node)}
            assert not below & {"container", "container_standing"}


@pytest.mark.parametrize("sort", list(ORDERS))
def test_a_few_are_found_by_a_part_of_their_name_without_reading_all(
    crowded: psycopg.Connection[Any], sort: str
) -> None:
    plans: list[list[dict[str, Any]]] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        plans.append(list(nodes(cursor.fetchone()[0][0]["Plan"])))

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(crowded.info.dsn))
    with Session(engine) as session:
        session.execute(text(PLANNING))
        event.listen(engine, "before_cursor_execute", explain)
        found = container_list.keys(session, ContainerFilter(text="-0077"), Where(sort, falls=False))
    engine.dispose()
    assert len(found.rows) == 10
    by_text, lines = plans
    assert any(node.get("Index Name") == "ix_container_text" for node in by_text)
    read = [node for node in lines if node.get("Relation Name") == "container"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) == 10


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


@pytest.mark.parametrize("waiting", [100, 10_000])
@pytest.mark.parametrize("sort", list(ORDERS))
def test_no_more_of_what_waits_is_read_than_the_page_shows(
    crowded: psycopg.Connection[Any], sort: str, waiting: int
) -> None:
    statement, _ = keyed(
        container_list.keys_of(ContainerFilter()), ORDERS[sort], Where(sort, falls=False), 51
    )
    with crowded.transaction(force_rollback=True):
        crowded.execute(
            "INSERT INTO acp_open_request (id, connection_id, direction, method)"
            " SELECT gen_random_uuid(), id, 'inbound', 'session/request_permission'"
            " FROM acp_connection LIMIT %s",
            [waiting],
        )
        crowded.execute("ANALYZE acp_open_request")
        plans = list(nodes(plan_of(crowded, statement, "ANALYZE, ")))
    read = [node for node in plans if node.get("Relation Name") == "acp_open_request"]
    assert len(read) == 1
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 51
    assert not any(node.get("Rows Removed by Filter") for node in read)


def plan_of(crowded: psycopg.Connection[Any], statement: Any, how: str = "") -> dict[str, Any]:
    compiled = statement.compile(dialect=postgresql.psycopg.dialect(), compile_kwargs={"literal_binds": True})
    explained = f"EXPLAIN ({how}FORMAT JSON) {compiled}".replace("%%", "%").encode()
    (row,) = crowded.execute(explained).fetchall()
    plan: dict[str, Any] = row["QUERY PLAN"][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)
