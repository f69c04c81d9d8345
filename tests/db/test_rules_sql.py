"""Each rule of the data model, broken with plain SQL: the database refuses and names the rule."""

from __future__ import annotations

import psycopg
import pytest

from app.protocol.states import is_semver
from tests.support.rules import BROKEN, FIXTURE, ID

REQUIRED = {
    "acp_connection": "connection_id container_id status version error_count reconnect_count last_active"
    " created_at",
    "acp_message": "connection_id direction message_type size processed error timestamp",
    "container": "name endpoint_url supported_protocols preferred_protocol",
    "container_session": "container_id protocol_type fallback_enabled",
    "protocol_migration": "container_id from_protocol to_protocol started_at attempt_count rollback",
    "acp_connection_configuration": "container_id reconnect_delay max_reconnect_delay max_reconnect_attempts"
    " idle_timeout keep_alive_interval compression_enabled encryption_level enable_bulk_operations"
    " enable_status_events enable_metrics created_at updated_at",
}

VERSIONS = (
    *("1.2.0", "0.3.1", "1.0.0-rc.1", "1.0.0-0a.b-c", "1.0.0+build.007", "10.20.30-alpha+1"),
    *("", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a..b"),
    *("1.2.3+", "1.2.3+a+b", " 1.2.3", "1.2.3 ", "1.2.3\n", "1.2.x", "-1.2.3", "\u0661.2.3", "latest"),
)

KEEPERS = [
    *("container_complete", "acp_connection_transition_container", "gateway_ended_keep"),
    "protocol_migration_failed_word",
]
"""Triggers that fill something in and refuse nothing, as those of container_standing and acp_open_request."""


@pytest.fixture
def client(raw: psycopg.Connection) -> psycopg.Connection:
    """The fixture's rows, in a transaction that is rolled back."""
    raw.execute(ID)
    raw.execute(FIXTURE)
    return raw


@pytest.mark.parametrize(("statement", "rule"), BROKEN, ids=[rule for _, rule in BROKEN])
def test_the_rule_is_named(client: psycopg.Connection, statement: str, rule: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        client.execute(f"{statement}; SET CONSTRAINTS ALL IMMEDIATE".encode())
    assert refused.value.diag.constraint_name == rule


def test_every_rule_of_the_schema_is_tried(client: psycopg.Connection) -> None:
    named = client.execute(
        "SELECT conname AS name FROM pg_constraint WHERE contype = 'c'"
        " AND connamespace = 'public'::regnamespace"
        " UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname <> ALL (%s)"
        " AND tgname NOT LIKE ALL ('{%%touch,container_standing_%%,acp_open_request_%%}')",
        [KEEPERS],
    )
    assert {row["name"] for row in named} <= {rule for _, rule in BROKEN}


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in REQUIRED.items() for column in columns.split()],
)
def test_what_the_model_does_not_call_optional_is_required(
    client: psycopg.Connection, table: str, column: str
) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation) as refused:
        client.execute(f"INSERT INTO {table} ({column}) VALUES (NULL)".encode())
    assert refused.value.diag.table_name == table


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_in_the_database_and_in_python(client: psycopg.Connection, version: str) -> None:
    update = "UPDATE acp_connection SET version = %s"
    if is_semver(version):
        client.execute(update, [version])
        return
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        client.execute(update, [version])
    assert refused.value.diag.constraint_name == "ck_acp_connection_version_semver"
