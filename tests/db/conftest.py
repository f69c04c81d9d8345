"""A database that tests read and write with SQL, and one for the migrations themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask_migrate
import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app import create_app
from app.config import Settings
from app.embedded import DatabaseAddress
from app.extensions import db
from app.services import containers
from app.services.containers import ContainerValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from sqlalchemy import Engine

    from app.models import Container

SECRET_KEY = "only-the-tests-of-migrations-know-this-key"


@pytest.fixture(scope="session")
def untouched_url(server_url: str, migrated_template: str) -> str:
    """One migrated database for all who commit nothing; it goes when the server does."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE untouched TEMPLATE {migrated_template}".encode())
    return server_url.replace("///console?", "///untouched?", 1)


@pytest.fixture
def raw(untouched_url: str) -> Iterator[psycopg.Connection]:
    """A client that knows nothing of our services, in a transaction that is rolled back."""
    with psycopg.connect(untouched_url, row_factory=dict_row) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def untouched_engine(untouched_url: str) -> Iterator[Engine]:
    """One engine for them, as the web's, which then knows the statements of earlier tests."""
    address = DatabaseAddress(Settings(database_url=untouched_url))
    engine = create_engine("postgresql+psycopg://", creator=address.connect)
    yield engine
    engine.dispose()


@pytest.fixture
def session(untouched_engine: Engine) -> Iterator[Session]:
    """A session that sees what it wrote itself; at the end it is rolled back."""
    with Session(untouched_engine) as session:
        yield session


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    """Makes sessions on a database of the test's own, for what only several transactions can show."""
    # One test's sessions share its thread: a lock that one waits for while another has it would never come.
    options = "-c lock_timeout=10s"
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url, options=options)
    )
    yield sessionmaker(engine)
    engine.dispose()


@pytest.fixture
def register(session: Session) -> Callable[..., Container]:
    """Register a container that supports both protocols, in the test's own transaction."""

    def add(name: str = "web-1", **values: object) -> Container:
        shown = {"endpoint_url": "http://127.0.0.1:9000", "supported_protocols": BOTH} | values
        return containers.register(session, ContainerValues(name=name, **shown), TESTER)

    return add


class Migrations:
    """Alembic on an empty database, step by step."""

    def __init__(self, app: Flask, connection: psycopg.Connection) -> None:
        self._app = app
        self.connection = connection

    def up(self, revision: str = "head") -> None:
        with self._app.app_context():
            flask_migrate.upgrade(revision=revision)

    def down(self, revision: str = "-1") -> None:
        with self._app.app_context():
            flask_migrate.downgrade(revision=revision)

    def write_sql(self) -> None:
        """Print all of them as a script, as `flask db upgrade --sql` does."""
        with self._app.app_context():
            flask_migrate.upgrade(sql=True)

    @property
    def head(self) -> str | None:
        """The newest revision that there is."""
        with self._app.app_context():
            config = self._app.extensions["migrate"].migrate.get_config()
            return ScriptDirectory.from_config(config).get_current_head()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        cursor = self.connection.execute(query.encode())
        return cursor.fetchall() if cursor.description is not None else []


@pytest.fixture
def migrations(empty_database_url: str) -> Iterator[Migrations]:
    app = create_app(Settings(database_url=empty_database_url, secret_key=SECRET_KEY))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield Migrations(app, connection)
    with app.app_context():
        db.engine.dispose()
