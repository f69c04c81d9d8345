"""What the data model gives each field without being told, its indexes, and what goes with what."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect

from app.models import AcpConnectionConfiguration, Container, ContainerSession, new_id
from app.services.configurations import ConfigurationValues
from tests.support.rules import FIXTURE, ID

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.orm import Session

DEFAULTS: dict[str, dict[str, Any]] = {
    "acp_connection": {"error_count": 0, "reconnect_count": 0, "capabilities": None, "metadata": None},
    "acp_message": {
        "payload": None,
        "processed": False,
        "processing_time": None,
        "error": False,
        "error_message": None,
    },
    "container_session": {
        "protocol_type": "http",
        "fallback_enabled": True,
        "acp_connection_id": None,
        "protocol_metadata": None,
    },
    "container": {"supported_protocols": ["http"], "preferred_protocol": "http"},
    "protocol_migration": {
        "completed_at": None,
        "success": None,
        "error_message": None,
        "attempt_count": 1,
        "rollback": False,
    },
    "acp_connection_configuration": {
        "max_reconnect_attempts": 5,
        "reconnect_delay": 1000,
        "max_reconnect_delay": 30000,
        "idle_timeout": 60000,
        "keep_alive_interval": 30000,
        "compression_enabled": True,
        "encryption_level": "standard",
        "enable_bulk_operations": True,
        "enable_status_events": True,
        "enable_metrics": True,
    },
}
TIMES = {
    "acp_connection": ("last_active", "created_at"),
    "acp_message": ("timestamp",),
    "protocol_migration": ("started_at",),
    "acp_connection_configuration": ("created_at", "updated_at"),
}
# The last one gives the container its session and configuration.
INSERTS = """
INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h');
INSERT INTO acp_connection (connection_id, container_id, status, version)
    SELECT 'k', id, 'disconnected', '1.0.0' FROM container;
INSERT INTO acp_message (connection_id, direction, message_type, size)
    SELECT id, 'inbound', 'event', 1 FROM acp_connection;
INSERT INTO protocol_migration (container_id, from_protocol, to_protocol)
    SELECT id, 'http', 'acp' FROM container;
SET CONSTRAINTS ALL IMMEDIATE;
"""
INDEXED = {
    "acp_connection": {("container_id",), ("status",)},
    "container_session": {("protocol_type",)},
    "acp_message": {("connection_id",), ("message_type",), ("timestamp",)},
    "container": {("preferred_protocol",)},
    "protocol_migration": {("container_id",), ("success",)},
}
TOUCHED = {
    "acp_connection": "last_active",
    "container": "updated_at",
    "container_session": "updated_at",
    "acp_connection_configuration": "updated_at",
}
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def client(raw: psycopg.Connection) -> psycopg.Connection:
    raw.execute(INSERTS)
    return raw


def only(client: psycopg.Connection, query: str) -> dict[str, Any]:
    (row,) = client.execute(query.encode()).fetchall()
    return row


@pytest.mark.parametrize("table", DEFAULTS)
def test_defaults_for_clients_that_write_sql(client: psycopg.Connection, table: str) -> None:
    row = only(client, f"SELECT * FROM {table}")
    assert {name: row[name] for name in DEFAULTS[table]} == DEFAULTS[table]
    now = only(client, "SELECT now() AS at")["at"]
    assert {row[name] for name in TIMES.get(table, ())} <= {now}
    assert row["id"].version == 4


def test_defaults_for_the_application(session: Session) -> None:
    container = Container(name="a", endpoint_url="http://h")
    container.session = ContainerSession()
    container.configuration = AcpConnectionConfiguration()
    session.add(container)
    session.flush()
    for entity in (container, container.session, container.configuration):
        expected = DEFAULTS[entity.__tablename__]
        assert {name: getattr(entity, name) for name in expected} == expected
        assert entity.id.version == 7
    assert ConfigurationValues().as_dict() == DEFAULTS["acp_connection_configuration"]


@pytest.mark.parametrize("table", INDEXED)
def test_the_models_indexes_exist(session: Session, table: str) -> None:
    found = inspect(session.connection()).get_indexes(table)
    plain = [
        each for each in found if not each["unique"] and not each["dialect_options"].get("postgresql_where")
    ]
    assert {tuple(each["column_names"]) for each in plain} >= INDEXED[table]


@pytest.mark.parametrize(("table", "column"), TOUCHED.items())
def test_a_change_sets_the_time(client: psycopg.Connection, table: str, column: str) -> None:
    client.execute(f"UPDATE {table} SET {column} = %s".encode(), [LONG_AGO])
    assert only(client, f"SELECT {column} = now() AS touched FROM {table}")["touched"]


def test_a_containers_parts_go_with_it(raw: psycopg.Connection) -> None:
    raw.execute(ID)
    raw.execute(FIXTURE)
    raw.execute("DELETE FROM container")
    raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in DEFAULTS:
        assert only(raw, f"SELECT count(*) FROM {table}")["count"] == 0, table


def test_a_container_goes_although_its_keys_were_made_in_another_order(raw: psycopg.Connection) -> None:
    """A restored dump makes foreign keys by their tables' names, and cascades run in that order."""
    remake_foreign_keys(raw)
    test_a_containers_parts_go_with_it(raw)


def remake_foreign_keys(raw: psycopg.Connection) -> None:
    keys = raw.execute(
        "SELECT conrelid::regclass::text AS on, conname AS name, pg_get_constraintdef(oid) AS is"
        " FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2"
    ).fetchall()
    for key in keys:
        raw.execute(f"ALTER TABLE {key['on']} DROP CONSTRAINT {key['name']}".encode())
    for key in keys:
        raw.execute(f"ALTER TABLE {key['on']} ADD CONSTRAINT {key['name']} {key['is']}".encode())


def test_a_former_connection_goes_alone(raw: psycopg.Connection) -> None:
    raw.execute(ID)
    raw.execute(FIXTURE)
    raw.execute("DELETE FROM acp_connection WHERE id = id(12)")
    raw.execute("UPDATE container_session SET protocol_type = 'http'")
    raw.execute("DELETE FROM acp_connection WHERE id = id(11)")
    assert only(raw, "SELECT acp_connection_id AS id FROM container_session WHERE id = id(14)")["id"] is None


def test_ids_are_made_in_the_order_of_time() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))
