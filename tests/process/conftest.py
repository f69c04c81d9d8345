"""The command line, and folders that an embedded PostgreSQL can live in."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.postgres import Server
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskCliRunner


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder for the tests of a file: to make its server takes longer than to start it again.

    Not in pytest's own temporary folder: that one closes itself to the server's user, who is not root.
    """
    folder = Path(tempfile.mkdtemp(prefix="console-data-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    """The data folder's server, to look at from outside; it is gone after each test."""
    server = Server(data_dir / "postgres")
    yield server
    eventually(server.state, "stopped".__eq__)


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()
