"""The command line, and folders that an embedded PostgreSQL can live in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.postgres import Server
from tests.support.folders import database_folder
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskCliRunner


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder for the tests of a file: to make its server takes longer than to start it again."""
    with database_folder("console-data-") as folder:
        yield folder


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    """The data folder's server, to look at from outside; it is gone after each test."""
    server = Server(data_dir / "postgres")
    yield server
    eventually(server.state, "stopped".__eq__)


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()
