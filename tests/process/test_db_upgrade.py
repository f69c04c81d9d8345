"""`flask db upgrade`, with and without DATABASE_URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.commands import flask

if TYPE_CHECKING:
    from pathlib import Path

    from app.postgres import Server


def test_db_upgrade_and_later_commands_share_an_embedded_database(data_dir: Path, server: Server) -> None:
    folder = str(data_dir)
    first = flask("db", "upgrade", CONSOLE_DATA_DIR=folder)
    assert (first.returncode, server.state()) == (0, "stopped"), first.stderr
    assert "Applied 0001" in first.stderr
    created = flask("tokens", "create", "caller", CONSOLE_DATA_DIR=folder)
    assert (created.returncode, server.state()) == (0, "stopped"), created.stderr
    assert created.stdout.startswith("acp_")


def test_db_upgrade_of_a_given_database(empty_database_url: str, tmp_path: Path) -> None:
    url = empty_database_url.replace("postgresql://", "postgres://", 1)
    upgraded = flask("db", "upgrade", DATABASE_URL=url, CONSOLE_DATA_DIR=str(tmp_path))
    assert upgraded.returncode == 0, upgraded.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
