"""A PostgreSQL for the run, and for each test that asks a database, a session or an app of its own."""

from __future__ import annotations

import gc
import itertools
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import flask_migrate
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.embedded import embedded_database
from app.extensions import db
from tests.support.folders import database_folder
from tests.support.scheduling import WAITING, SharingScheduling
from tests.support.templates import COMPILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from xdist.remote import Producer

SECRET_KEY = "only-the-tests-know-this-key-and-no-one-else"

SELDOM = 50_000
"""New objects until the next search for garbage; Python's own measure is 700."""

_numbers = itertools.count(1)

gc.disable()  # while thousands of tests are imported and collected, which stay


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_collection_finish() -> None:
    """Search for garbage from now on, seldom, and not in what stays until the end.

    It was a quarter of all CPU time. What tests leave open is found all the same, at the latest at the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("hypothesis"):
        import_module("tests.support.drawing").draw_first()  # imported late: half a second


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingScheduling | None:
    """Take the place of the scheduler that `--dist loadfile` asks for."""
    return SharingScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """An embedded PostgreSQL for the whole run: the URL of its administrative database."""
    with database_folder("console-tests-") as folder, embedded_database(folder) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> str:
    """The name of a database with the newest schema, from which every test's own is copied."""
    url = _create_database(server_url, "migrated", "template0")
    with _app(Settings(database_url=url, secret_key=SECRET_KEY)) as app, app.app_context():
        flask_migrate.upgrade()
    return "migrated"


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A new database without any table, for tests of the migrations themselves."""
    yield from _temporary_database(server_url, "template0")


@pytest.fixture
def database_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """A new database with the newest schema, as a libpq URL."""
    yield from _temporary_database(server_url, migrated_template)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """A session on the test's database, apart from any app; what a test wants others to see, it commits."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings on the test's database. Override this fixture in a test file that needs others."""
    return Settings(database_url=database_url, data_dir=tmp_path, secret_key=SECRET_KEY)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The web application on the test's database, without CSRF tokens so that tests can post forms."""
    with _app(settings) as app:
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        # A person's password costs a quarter of a second to hash and to check, by design.
        app.extensions["security"].pwd_context.update(argon2__rounds=1, argon2__memory_cost=32)
        app.jinja_env.bytecode_cache = COMPILED
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@contextmanager
def _app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def _temporary_database(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield _create_database(server_url, name, template)
    # With force, for a test that failed may have left connections behind.
    _administer(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _create_database(server_url: str, name: str, template: str) -> str:
    # Files are copied in half of the time that PostgreSQL's own way takes, and are not in its buffers to be
    # searched for when the database is dropped.
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _administer(server_url, create.format(sql.Identifier(name), sql.Identifier(template)))
    return server_url.replace("///console?", f"///{name}?", 1)


def _administer(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)
