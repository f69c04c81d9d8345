"""An upgrade beside other clients: it waits for another, gives up on a locked table, or is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from tests.support.catalog import schema
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.db.conftest import Migrations

UPGRADE_LOCK = 0x4C756D69
WAITS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"


def test_it_waits_for_another_upgrade(migrations: Migrations, empty_database_url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(empty_database_url) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [UPGRADE_LOCK])
            done = pool.submit(migrations.up)
            eventually(lambda: migrations.rows(WAITS))
            assert schema(migrations.connection) == set()
        done.result()
    assert migrations.rows("SELECT version_num FROM alembic_version") == [(migrations.head,)]


def test_it_gives_up_on_a_locked_table(
    migrations: Migrations, empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrations.up("0004")
    before = schema(migrations.connection)
    with psycopg.connect(empty_database_url) as other:
        other.execute("LOCK TABLE acp_message IN ACCESS SHARE MODE")
        with pytest.raises(SystemExit):
            migrations.up()
    assert "Something else has kept a table locked for 5s; nothing of this migration" in caplog.text
    assert schema(migrations.connection) == before
    migrations.up()
    assert schema(migrations.connection) > before


def test_an_old_postgresql_is_refused(
    migrations: Migrations, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(PGDialect_psycopg, "_get_server_version_info", lambda *_: (14, 20))
    with pytest.raises(SystemExit):
        migrations.up()
    assert "PostgreSQL 15 or newer is needed; this is 14." in caplog.text
    assert schema(migrations.connection) == set()
