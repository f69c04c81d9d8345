"""The list of containers by cursor: each row once, in both directions, narrowed or not, no full sort."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.queries import containers
from app.queries.containers import NEVER, ContainerFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.queries.containers import ContainerRow

SIZES = (1, 7, 50, 200)
COUNT = 60

# Names in no order, small and large; half of them on ACP; every fourth without a connection, the others with
# one in each status in turn and, where that one is active, a former one.
FILL = """
INSERT INTO container (name, endpoint_url, image, owner, supported_protocols) VALUES (%s, 'http://h', %s, %s,
    '{http,acp}');
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
each_filter = pytest.mark.parametrize(("narrowed", "wanted"), FILTERS, ids=[str(each) for each, _ in FILTERS])


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
        connection.execute(FILL, [name, f"agent:{n % 4}", ("ann", "bob", "100%")[n % 3]])
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


def connect(connection: psycopg.Connection, name: str, status: str) -> Any:
    metadata = '{"transport": "acp", "latency_ms": 0.7, "last_error": "refused"}'
    row = connection.execute(CONNECT, {"name": name, "status": status, "metadata": metadata}).fetchone()
    assert row is not None
    return row[0]


def everything(session: Session) -> list[ContainerRow]:
    return containers.page(session, ContainerFilter(), limit=COUNT).rows


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
    pages = [containers.page(filled, narrowed, limit=size)]
    while pages[-1].after is not None:
        pages.append(containers.page(filled, narrowed, after=pages[-1].after, limit=size))
    assert [row for page in pages for row in page.rows] == expected
    assert all(len(page.rows) == size for page in pages[:-1])
    assert pages[0].before is None
    for earlier, later in zip(reversed(pages[:-1]), reversed(pages[1:]), strict=True):
        back = containers.page(filled, narrowed, before=later.before, limit=size)
        assert back.rows == earlier.rows
        assert (back.before is None) == (earlier is pages[0])
        assert back.after == earlier.after


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
        assert containers.row(filled, row.id) == row


def test_counts_are_the_filters_rows(filled: Session) -> None:
    rows = everything(filled)
    counts = containers.counts(filled)
    assert counts.total == len(rows)
    assert counts.statuses == Counter(row.status or containers.NEVER for row in rows)
    assert counts.protocols == Counter(row.protocol_type for row in rows)


def test_one_by_name_or_id(filled: Session) -> None:
    row = everything(filled)[0]
    assert containers.get(filled, row.name).id == containers.get(filled, str(row.id)).id == row.id
    with pytest.raises(NotFound, match="there is no container 'nobody'"):
        containers.get(filled, "nobody")


@pytest.mark.parametrize("narrowed", [ContainerFilter(), ContainerFilter(text="agent:1")], ids=str)
@pytest.mark.parametrize("cursor", [{}, {"after": "c-05000"}, {"before": "c-05000"}], ids=str)
def test_ten_thousand_are_not_sorted(
    raw: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    narrowed: ContainerFilter,
    cursor: dict[str, str],
) -> None:
    raw.execute(
        "INSERT INTO container (name, endpoint_url, image) SELECT 'c-' || lpad(n::text, 5, '0'), 'http://h',"
        " 'agent:' || n % 4 FROM generate_series(1, 10000) n ORDER BY hashint4(n)"
    )
    raw.execute(
        "INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " SELECT id::text, id, 'connected', '1.0.0' FROM container"
    )
    raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
    raw.execute("ANALYZE container, container_session, acp_connection")
    plans = list(nodes(plan_of_page(raw, monkeypatch, narrowed, cursor)))
    assert any(node.get("Index Name") == "uq_container_name" for node in plans)
    # Each container's few connections are sorted by themselves; nothing that reads containers is.
    for node in plans:
        if node["Node Type"] in {"Sort", "Incremental Sort"}:
            assert "container" not in {below.get("Relation Name") for below in nodes(node)}


def plan_of_page(
    raw: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    narrowed: ContainerFilter,
    cursor: dict[str, str],
) -> dict[str, Any]:
    """The plan of the statement that `page` runs."""
    seen: list[Any] = []
    session = Session()
    monkeypatch.setattr(session, "execute", lambda statement: seen.append(statement) or [])
    containers.page(session, narrowed, **cursor)
    compiled = seen[0].compile(dialect=postgresql.psycopg.dialect(), compile_kwargs={"literal_binds": True})
    (row,) = raw.execute(f"EXPLAIN (FORMAT JSON) {compiled}".replace("%%", "%").encode()).fetchall()
    plan: dict[str, Any] = row["QUERY PLAN"][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)
