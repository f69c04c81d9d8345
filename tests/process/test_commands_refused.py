"""The command line: what is wrong is told in words with what to do, never by a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app import create_app
from app.config import Settings
from app.extensions import db
from app.models import AuditEvent
from tests.support.commands import ADD, NOWHERE, PASSWORD, assert_told, flask, run

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskCliRunner
    from sqlalchemy.orm import Session

CHANGE = ("configurations", "change", "--reason", "x", "web-1")
TABLE_COMMANDS = (
    ("containers", "list"),
    ("containers", "show", "web-1"),
    ADD,
    ("containers", "edit", "web-1"),
    ("containers", "remove", "web-1"),
    (*CHANGE, "idle_timeout=1"),
    ("protocol-migrations", "start", "web-1", "--to", "acp", "--reason", "to see"),
    ("protocol-migrations", "rollback", "01a206b7-b229-75d1-bf81-66585ad1cc9a", "--reason", "to see"),
    ("protocol-migrations", "list"),
    ("tokens", "create", "caller"),
    ("tokens", "revoke", "caller"),
    ("users", "add", "ann@example.org", "--password-stdin"),
)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("containers", "add", "web 1", "http://127.0.0.1:9"), "name: 1 to 100 letters"),
        (("containers", "add", "web-2", "ftp://127.0.0.1"), "endpoint_url: must begin with http"),
        (("containers", "add", "web-2", "http://a", "--protocols", "smoke"), "'smoke' is not a protocol"),
        (("containers", "add", "web-2", "http://a", "--prefer", "acp"), "preferred_protocol: must be one"),
        (("containers", "add", "web-2", "http://a", "--label", "x"), "label: 'x' is not KEY=VALUE"),
        (("containers", "add", "web-2", "http://a", "--status", "on"), "status: must be running or stopped"),
        (("containers", "add", "web-2", "http://a", "--credential", "s3cret"), "credential: a reference"),
        (ADD, "of this name is registered already"),
        (("containers", "add", "web-2", "http://[::ffff:169.254.169.254]"), "which is never dialled"),
        (("containers", "edit", "web-1", "--url", "nonsense"), "endpoint_url: must begin with http"),
        (("containers", "edit", "web-1", "--url", "http://10.0.0.1"), "CONSOLE_ALLOWED_NETWORKS"),
        (("containers", "edit", "web-1", "--protocols", "acp"), "preferred_protocol: must be one"),
        (("containers", "show", "nobody"), "no container 'nobody'"),
        (("containers", "remove", "nobody"), "no container 'nobody'"),
        ((*CHANGE, "delay=1"), "with a FIELD of max_reconnect_attempts"),
        ((*CHANGE, "idle_timeout=long"), "'long' is not a whole number"),
        ((*CHANGE, "reconnect_delay=60000"), "at most max_reconnect_delay"),
        ((*CHANGE, "encryption_level=huge"), "one of none, standard, high"),
        ((*CHANGE, "enable_metrics=x"), "neither true nor false"),
        (("protocol-migrations", "start", "web-1", "--to", "smoke", "--reason", "x"), "smoke"),
        (("protocol-migrations", "start", "web-1", "--to", "acp", "--reason", ""), "reason"),
        (("protocol-migrations", "rollback", "3", "--reason", "x"), "'3' is not the id"),
        (("tokens", "create", ""), "name: 1 to 100"),
        (("tokens", "revoke", "nobody"), "no token named 'nobody'"),
        (("users", "add", "ann", "--password-stdin"), "email"),
        (("users", "add", "ann@example.org", "--role", "king", "--password-stdin"), "'king' is not a role"),
        (("users", "add", "ann@example.org"), "use --password-stdin"),
    ],
)
def test_bad_input_is_told_in_words_and_stores_nothing(
    runner: FlaskCliRunner, session: Session, command: tuple[str, ...], words: str
) -> None:
    run(runner, *ADD)
    stored = session.scalars(select(AuditEvent.id)).all()
    told = runner.invoke(args=command, input=PASSWORD)
    assert_told(told, words)
    told = runner.invoke(args=[*command, "--json"], input=PASSWORD)
    assert told.exit_code == 1
    assert words in json.loads(told.stderr)["error"]
    assert json.loads(told.stderr)["advice"]
    assert session.scalars(select(AuditEvent.id)).all() == stored


@pytest.mark.parametrize("command", TABLE_COMMANDS, ids=" ".join)
def test_a_database_that_is_away_or_not_migrated_is_told(
    empty_database_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    for url, words, advice in [
        (NOWHERE, "Connection refused", "DATABASE_URL"),
        (empty_database_url, "does not exist", "flask --app wsgi db upgrade"),
    ]:
        app = create_app(Settings(database_url=url, data_dir=tmp_path))
        result = app.test_cli_runner().invoke(args=command, input=PASSWORD)
        assert_told(result, words)
        assert advice in result.stderr
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize(
    ("command", "variables", "code", "words"),
    [
        (("db", "upgrade"), {"DATABASE_URL": NOWHERE}, 1, "DATABASE_URL"),
        (("db", "upgrade", "9999"), {}, 1, "9999"),
        (("serve",), {"CONSOLE_BINDS": "x"}, 3, "did you mean CONSOLE_BIND?"),
        (("gateway", "run"), {"DATABASE_URL": NOWHERE}, 1, "DATABASE_URL"),
    ],
)
def test_a_process_that_cannot_start_says_why(
    empty_database_url: str,
    tmp_path: Path,
    command: tuple[str, ...],
    variables: dict[str, str],
    code: int,
    words: str,
) -> None:
    given = {"DATABASE_URL": empty_database_url, "CONSOLE_DATA_DIR": str(tmp_path)} | variables
    result = flask(*command, **given)
    assert (result.returncode, "Traceback" in result.stderr) == (code, False), result.stderr
    assert words in result.stderr
