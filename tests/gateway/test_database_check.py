"""A database that may forget what it has committed, or lacks our tables, is not worked with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.errors import DatabaseNotMigrated, DatabaseUnavailable
from app.gateway.database import Database
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.errors import ConsoleError


def _check(url: str) -> None:
    database = Database(url)
    try:
        asyncio.run(database.check())
    finally:
        database.close()


def test_a_fit_database_is_taken(database_url: str) -> None:
    _check(database_url)


@pytest.fixture(params=["fsync", "full_page_writes"])
def careless(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """A setting of the whole server, switched off until the end of the test."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        try:
            yield _switched(connection, str(request.param), "off")
        finally:
            _switched(connection, str(request.param), "on")


def _switched(connection: psycopg.Connection, setting: str, value: str) -> str:
    connection.execute(f"ALTER SYSTEM SET {setting} = {value}".encode())
    connection.execute("SELECT pg_reload_conf()")
    eventually(lambda: connection.execute(f"SHOW {setting}".encode()).fetchone(), lambda row: row == (value,))
    return setting


def test_a_server_that_may_forget_is_refused(database_url: str, careless: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=f"{careless} is off: what is acknowledged could be lost"):
        _check(database_url)


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ("DROP TABLE container_lease", DatabaseNotMigrated, 'relation "container_lease" does not exist'),
        ("DROP TABLE acp_message", DatabaseNotMigrated, 'relation "acp_message" does not exist'),
        ("ALTER TABLE acp_message DROP COLUMN seq", DatabaseNotMigrated, 'column "seq" does not exist'),
        ("ALTER DATABASE {} SET synchronous_commit = off", DatabaseUnavailable, "synchronous_commit is off"),
    ],
)
def test_an_unfit_database_is_refused(
    database_url: str, fault: str, error: type[ConsoleError], told: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(fault.format(connection.info.dbname).encode())
    with pytest.raises(error, match=told):
        _check(database_url)


def test_a_database_that_is_not_there_is_told() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):
        _check("postgresql://127.0.0.1:9/console")
