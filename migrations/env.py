"""How Alembic runs here: one upgrade at a time, a transaction a migration, no long wait for a lock."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alembic import context
from alembic.util import CommandError
from flask import current_app
from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.cli.group import explained
from app.errors import DatabaseUnavailable
from app.models import Base

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationInfo
    from sqlalchemy import Connection

log = logging.getLogger("migrations")

OLDEST_POSTGRESQL = 15  # ON DELETE SET NULL (column), which 0004 uses, came with it

# A statement that waits for a lock makes all later users of the table wait behind it, so it gives up early.
LOCK_TIMEOUT = "5s"

# Another upgrade may be at work for good reason; waiting for it disturbs nobody.
UPGRADE_TIMEOUT = "60s"
UPGRADE_LOCK = 0x4C756D69  # any number will do that nothing else locks: "Lumi" in ASCII


def connect() -> Connection:
    """Open a connection that no pool gets back. Raises CommandError, which Flask-Migrate tells in words."""
    try:
        connection = current_app.extensions["sqlalchemy"].engine.connect()
    except (DatabaseUnavailable, OperationalError) as error:
        told = explained(error)
        raise CommandError(f"{told}\n{told.advice}") from error
    connection.detach()
    return connection


def tell(*, step: MigrationInfo, **_: object) -> None:
    """Say what has been done, a line a migration."""
    done = step.up_revision
    log.info("%s %s: %s", "Applied" if step.is_upgrade else "Took back", done.revision, done.doc)


def take_turn(connection: Connection) -> None:
    """Take the advisory lock that two upgrades at once would race for, until the connection ends."""
    connection.execute(text(f"SET lock_timeout = '{UPGRADE_TIMEOUT}'"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK})
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise CommandError(
            f"Another upgrade has held this database for {UPGRADE_TIMEOUT}. See what it does, then run this"
            " again."
        ) from error
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()


def check_version(connection: Connection) -> None:
    """Refuse a server that is too old, before anything is changed."""
    version = connection.dialect.server_version_info
    if version is not None and version[0] < OLDEST_POSTGRESQL:
        raise CommandError(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed; this is {version[0]}.")


def run() -> None:
    """Migrate the app's database."""
    options = current_app.extensions["migrate"].configure_args
    with connect() as connection:
        check_version(connection)
        take_turn(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            on_version_apply=tell,
            **options,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            raise CommandError(
                f"Something else has kept a table locked for {LOCK_TIMEOUT}; nothing of this migration was "
                "applied. Run it again when long transactions have ended."
            ) from error


def write_sql() -> None:
    """Write the migrations as SQL (`--sql`) for a database that only its administrator may change."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


# Does nothing where the program has set up its logging already.
logging.basicConfig(format="%(message)s")
log.setLevel(logging.INFO)

if context.is_offline_mode():
    write_sql()
else:
    run()
