"""The command line, in this process and as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.support.gateways import ROOT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from click.testing import Result
    from flask.testing import FlaskCliRunner

NOWHERE = "postgresql://nobody@127.0.0.1:1/console"
"""Port 1 is tcpmux, which nobody runs."""
ADD = ("containers", "add", "web-1", "http://127.0.0.1:9", "--protocols", "http,acp")
PASSWORD = "a-long-enough-password\n"


def run(runner: FlaskCliRunner, *args: str, stdin: str = PASSWORD) -> Result:
    result = runner.invoke(args=args, input=stdin)
    assert result.exit_code == 0, result.output
    return result


def as_json(runner: FlaskCliRunner, *args: str) -> Any:
    return json.loads(run(runner, *args, "--json").stdout)


def assert_told(result: Result, words: str) -> None:
    """A refusal: exit code 1, nothing on stdout, on stderr what is wrong and in another line what to do."""
    assert (result.exit_code, result.stdout) == (1, "")
    error, advice = result.stderr.splitlines()
    assert error.startswith("Error: ")
    assert words in error
    assert advice


def flask(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process, as a user does."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *args],
        cwd=ROOT,
        env=environ | {"DATABASE_URL": ""} | variables,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
