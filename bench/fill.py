"""Fills a database as a big fleet fills it in two weeks, to look at full pages and to measure them.

    CONSOLE_DATA_DIR=/tmp/full python -m bench.fill --containers 10000 --messages 5000000
    CONSOLE_DATA_DIR=/tmp/full flask --app wsgi run

The database is the one that `flask --app wsgi` would use: an embedded one in CONSOLE_DATA_DIR, or
DATABASE_URL. It has to be empty of containers. Look at it with `run`, not `serve`: a gateway would dial ten
thousand containers that are not there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import flask_migrate
import psycopg

from app import create_app
from app.extensions import db
from app.services import rollups, users
from app.services.actor import Actor
from app.services.users import RoleName
from bench import fill_fleet, fill_messages
from bench.fill_fleet import ADMIN, SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

WAITING: Final = dt.timedelta(minutes=20)
"""How long ago the prompts that wait were asked: one in a hundred containers has one."""


def fill(app: Flask, containers: int, messages: int, seed: int = 1) -> None:
    """Fill the application's database, which has no containers."""
    chance = random.Random(seed)  # noqa: S311 - the same database at every run
    until = dt.datetime.now(dt.UTC)
    fleet = [fill_fleet.make_member(chance, number, until) for number in range(1, containers + 1)]
    with psycopg.connect(app.extensions["database"].url()) as connection:
        fill_fleet.copy_fleet(connection, chance, fleet, until)
        fill_fleet.copy_history(connection, chance, fleet, until)
        present = [member.connections[-1] for member in fleet if member.connections]
        with _bare(connection, "acp_message"):
            counts = fill_messages.copy(connection, chance, present, messages, (until - SPAN, until))
        waiting, now = containers // 100, (until - WAITING, until)
        counts = fill_messages.copy(connection, chance, present, waiting, now, answered=False, before=counts)
        rows = ((each, counts.get(each, 0)) for member in fleet for each in member.connections)
        fill_fleet.copy_rows(connection, "acp_connection_sequence", "connection_id, last_seq", rows)
        connection.commit()
    keep_sessions(app)
    with psycopg.connect(app.extensions["database"].url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def keep_sessions(app: Flask) -> None:
    """Have the sessions counted by the worker's own steps, as after an upgrade; say how long it takes.

    The rollups are left out, as if those of so long ago had been swept: they would take longer than all else.
    """
    with psycopg.connect(app.extensions["database"].url()) as connection:
        connection.execute(
            "INSERT INTO rollup_progress (connection_id, rolled_seq, floor_id)"
            " SELECT s.connection_id, s.last_seq, m.id FROM acp_connection_sequence s CROSS JOIN LATERAL"
            " (SELECT id FROM acp_message m WHERE m.connection_id = s.connection_id"
            " ORDER BY m.connection_id DESC, m.id DESC LIMIT 1) m ON CONFLICT DO NOTHING"
        )
    began, records = time.perf_counter(), 0
    while added := rollups.add(db.session()):
        records += added
        db.session.commit()
    db.session.commit()
    print(f"sessions of {records:,} records counted in {time.perf_counter() - began:.1f} s", flush=True)


@contextmanager
def _bare(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Take a table's indexes, references and triggers away until the end: all are quicker in bulk.

    What its triggers would have written is left to the caller; of answered messages it is nothing.
    """
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND NOT EXISTS"
        " (SELECT FROM pg_constraint WHERE conname = indexname)",
        [table],
    ).fetchall()
    references = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'f' AND conparentid = 0",
        [table],
    ).fetchall()
    for name, _ in references:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    connection.execute("SET maintenance_work_mem = '256MB'")
    for _, definition in indexes:
        connection.execute(definition)
    for name, definition in references:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--containers", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=5_000_000)
    arguments = parser.parse_args()
    app = create_app()
    with app.app_context():
        flask_migrate.upgrade()
        began = time.perf_counter()
        fill(app, arguments.containers, arguments.messages)
        password = secrets.token_urlsafe(12)
        users.add(db.session(), ADMIN, password, [RoleName.ADMIN], Actor("bench.fill"))
        db.session.commit()
        print(f"filled in {time.perf_counter() - began:.0f} s; sign in: {ADMIN} {password}")


if __name__ == "__main__":
    main()
