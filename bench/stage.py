"""The stage of a benchmark: an embedded PostgreSQL with our schema, and the gateway as a process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import flask_migrate
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.embedded import embedded_database
from app.extensions import db
from app.services import containers, tokens
from app.services.actor import Actor

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from app.services.containers import ContainerValues

SECRET_KEY: Final = "a benchmark's key, of no use to anybody else"  # noqa: S105 - it guards nothing
ACTOR: Final = Actor("benchmark")
READY: Final = "Gateway: "


@dataclass(frozen=True, slots=True)
class Stage:
    """An empty console: where its database is."""

    database_url: str

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session on the database and commit it."""
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self.database_url))
        with Session(engine) as session, session.begin():
            yield session
        engine.dispose()

    def register(self, values: ContainerValues) -> uuid.UUID:
        """Register a container and return its id."""
        with self.session() as session:
            return containers.register(session, values, ACTOR).id

    def token(self) -> str:
        """Make a caller's token."""
        with self.session() as session:
            return tokens.create(session, "benchmark", ACTOR)

    @contextmanager
    def gateway(self, **variables: str) -> Iterator[str]:
        """Run a gateway process with these settings besides; yield the address at which it serves callers."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "gateway", "run"]
        environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "CONSOLE_SECRET_KEY": SECRET_KEY,
            "CONSOLE_GATEWAY_BIND": f"127.0.0.1:{free_port()}",
            "CONSOLE_LOG_LEVEL": "ERROR",
            **variables,
        }
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = next(iter(process.stdout or ()), "")
                if not line.startswith(READY):
                    raise RuntimeError("the gateway did not start")
                yield line.removeprefix(READY).split("/acp/")[0].strip()
            finally:
                process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a console with a fresh database; everything on, as in production."""
    folder = Path(tempfile.mkdtemp(prefix="console-bench-"))
    try:
        with embedded_database(folder) as url:
            app = create_app(Settings(database_url=url, secret_key=SECRET_KEY, data_dir=folder))
            with app.app_context():
                flask_migrate.upgrade()
                db.engine.dispose()
            yield Stage(url)
    finally:
        shutil.rmtree(folder)
