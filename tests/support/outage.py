"""A database that is away for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
_LEFT = "SELECT pid FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def database_away(server_url: str, database_url: str) -> Iterator[None]:
    """Cut every connection to a database and refuse new ones inside."""
    name = str(conninfo_to_dict(database_url)["dbname"])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            server.execute(_CUT, [name])
            eventually(lambda: server.execute(_LEFT, [name]).fetchall(), lambda left: not left)
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
