"""A PostgreSQL that a soak run may kill: with our schema, durable, and gone at the end."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import flask_migrate

from app import create_app
from app.config import Settings
from app.extensions import db
from app.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_SECONDS = 3
"""The shortest that there is: a killed gateway's containers are free after it."""


@contextmanager
def database() -> Iterator[tuple[Server, Settings]]:
    """Run a server; yields it with the settings for processes that use it."""
    # Not in pytest's own folder, which closes itself to the server's user where that is not us.
    folder = Path(tempfile.mkdtemp(prefix="console-soak-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        server = Server(folder / "postgres")
        server.make()
        server.start()
        stack.callback(server.stop)
        server.create_database("console")
        settings = Settings(
            database_url=server.conninfo("console"),
            data_dir=folder,
            secret_key="only-the-soak-runs-know-this-key",
            lease_seconds=LEASE_SECONDS,
        )
        _migrate(settings)
        yield server, settings


def _migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
