"""The migrations: the data model's three in its order, each reversible, and equal to what the models say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from app.models import Base
from app.services.configurations import ConfigurationValues
from tests.support.catalog import schema, structure

if TYPE_CHECKING:
    import pytest

    from tests.db.conftest import Migrations

REVISIONS = tuple(f"{number:04}" for number in range(1, 18))

CONTAINER = (
    "SELECT id, name, image, endpoint_url, status, labels, owner, created_at, updated_at FROM container"
)
SESSION = "SELECT id, container_id, created_at, updated_at FROM container_session"


def test_every_step_goes_down_and_up_again(migrations: Migrations) -> None:
    reached = [schema(migrations.connection)]
    for revision in REVISIONS:
        migrations.up(revision)
        after = schema(migrations.connection)
        migrations.down()
        assert schema(migrations.connection) == reached[-1], f"{revision} down"
        migrations.up(revision)
        assert schema(migrations.connection) == after != reached[-1], f"{revision} up again"
        reached.append(after)
    assert reached[0] == set()


def test_all_the_way_down_and_up_again(migrations: Migrations) -> None:
    migrations.up()
    newest = schema(migrations.connection)
    migrations.down("base")
    assert schema(migrations.connection) == set()
    migrations.up()
    assert schema(migrations.connection) == newest


def test_the_script_for_administrators_makes_the_same_schema(
    migrations: Migrations, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    migrations.write_sql()
    assert schema(migrations.connection) == set()
    migrations.rows(capsys.readouterr().out)
    with psycopg.connect(database_url) as migrated:
        assert schema(migrations.connection) == schema(migrated)


def test_what_was_there_before_acp_is_kept(migrations: Migrations) -> None:
    migrations.up("0001")
    migrations.rows(
        "INSERT INTO container (name, image, endpoint_url, status, labels, owner, updated_at) VALUES"
        " ('a', 'agent:1', 'http://127.0.0.1:1', 'stopped', '{\"team\": \"x\"}', 'ann', '2020-01-01'),"
        " ('b', '', 'http://127.0.0.1:2', 'running', '{}', '', '2021-01-01')"
    )
    migrations.rows("INSERT INTO container_session (container_id) SELECT id FROM container WHERE name = 'a'")
    containers, (session,) = migrations.rows(CONTAINER), migrations.rows(SESSION)
    for _ in range(2):
        migrations.up()
        assert migrations.rows(CONTAINER) == containers
        assert session in migrations.rows(SESSION)
        migrations.down("0001")
    assert migrations.rows(CONTAINER) == containers
    assert session in migrations.rows(SESSION)


def test_containers_from_before_get_their_session_and_configuration(migrations: Migrations) -> None:
    migrations.up("0003")
    migrations.rows("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h'), ('b', 'http://h')")
    migrations.rows("INSERT INTO container_session (container_id) SELECT id FROM container WHERE name = 'a'")
    migrations.up("0004")
    parts = migrations.rows(
        "SELECT c.name, s.protocol_type, k.reconnect_delay FROM container c"
        " JOIN container_session s ON s.container_id = c.id"
        " JOIN acp_connection_configuration k ON k.container_id = c.id ORDER BY c.name"
    )
    assert parts == [("a", "http", 1000), ("b", "http", 1000)]


def test_configurations_from_before_get_their_first_revision(migrations: Migrations) -> None:
    migrations.up("0008")
    migrations.rows("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h'), ('b', 'http://h')")
    migrations.rows("UPDATE acp_connection_configuration SET idle_timeout = 7")
    migrations.up("0012")
    query = (
        "SELECT number, (settings->>'idle_timeout')::int, changed, actor, reason, at = k.updated_at"
        " FROM acp_connection_configuration_revision JOIN acp_connection_configuration k USING (container_id)"
    )
    first = (1, 7, [], "console", "as it stood when revisions began", True)
    assert migrations.rows(query) == [first, first]
    (settings, version, apart), _ = migrations.rows(
        "SELECT settings, uuid_extract_version(id), abs(extract(epoch FROM uuid_extract_timestamp(id) - at))"
        " FROM acp_connection_configuration_revision"
    )
    assert settings == ConfigurationValues(encryption_level="standard", idle_timeout=7).as_dict()
    assert version == 7
    assert float(str(apart)) < 0.001


def test_records_survive_what_stands_beside_the_model(migrations: Migrations) -> None:
    """0005 down and up again loses what only it keeps, and nothing of the data model."""
    migrations.up()
    migrations.rows("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    migrations.rows(
        "INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " SELECT 'k', id, 'disconnected', '1.0.0' FROM container"
    )
    migrations.rows(
        "INSERT INTO acp_message (connection_id, direction, message_type, size, payload)"
        " SELECT id, 'inbound', 'event', 7, '[1, null]' FROM acp_connection"
    )
    migrations.rows(
        "INSERT INTO protocol_migration"
        " (container_id, from_protocol, to_protocol, completed_at, success, error_message)"
        " SELECT id, 'http', 'acp', now() + interval '1 s' * n, n > 1, n::text"
        " FROM container, generate_series(1, 2) n"
    )
    migrations.rows(
        "INSERT INTO protocol_migration (container_id, from_protocol, to_protocol)"
        " SELECT id, 'acp', 'http' FROM container"
    )
    query = "SELECT connection_id, direction, message_type, size, payload, timestamp FROM acp_message"
    messages = migrations.rows(query)
    migrations.down("0004")
    assert migrations.rows(query) == messages
    migrations.up()
    assert migrations.rows(query) == messages
    phases = migrations.rows("SELECT success, phase FROM protocol_migration ORDER BY success")
    assert phases == [(False, "failed"), (True, "completed"), (None, "pending")]


def test_ends_of_protocol_migrations_get_the_words_of_today(migrations: Migrations) -> None:
    """Before 0015 both ends were failed, marked as rollbacks; a gateway of that version may still say so."""
    migrations.up("0014")
    for name in ("early", "late", "under way, early", "under way, late"):
        migrations.rows(f"INSERT INTO container (name, endpoint_url) VALUES ('{name}', 'http://h')")
    migrations.rows(
        "INSERT INTO protocol_migration (container_id, from_protocol, to_protocol, phase)"
        " SELECT id, 'http', 'acp', CASE WHEN name LIKE '%late' THEN 'rolling_back' ELSE 'preflight' END"
        " FROM container"
    )
    migrations.rows(
        "INSERT INTO protocol_migration_step (migration_id, phase) SELECT id, phase FROM protocol_migration"
    )
    end = (
        "UPDATE protocol_migration SET phase = 'failed', rollback = true, success = false,"
        " completed_at = started_at + interval '1 s' WHERE container_id IN"
        " (SELECT id FROM container WHERE name LIKE '%s')"
    )
    query = (
        "SELECT name, phase, rollback FROM protocol_migration m JOIN container c ON c.id = container_id"
        " ORDER BY name"
    )
    for name in ("early", "late"):
        migrations.rows(end % name)
    migrations.up("0015")
    migrations.rows(end % "under way%")
    words = [("failed", False), ("rolled_back", True)] * 2
    assert [row[1:] for row in migrations.rows(query)] == words
    migrations.down("0014")
    assert migrations.rows(query)[:2] == [("early", "failed", True), ("late", "failed", True)]


def test_models_and_migrations_agree_for_alembic(database_url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url))
    options = {"compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    engine.dispose()


def test_models_and_migrations_agree_in_the_catalogs(database_url: str, empty_database_url: str) -> None:
    """More than Alembic looks at: CHECKs, their names, storage options, what happens on delete."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(empty_database_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION pg_trgm"))  # which is no model's
        Base.metadata.create_all(connection)
    engine.dispose()
    with psycopg.connect(database_url) as migrated, psycopg.connect(empty_database_url) as made:
        assert structure(made) == structure(migrated)
