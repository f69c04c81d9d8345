"""How PostgreSQL reads a page of ten thousand containers: by indexes, no full sort, no more than it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.embedded import PLANNING
from app.queries import container_list
from app.queries.container_filter import ORDERS, ContainerFilter
from app.queries.paging import Where, keyed

if TYPE_CHECKING:
    from collections.abc import Iterator


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
