"""`flask serve`: one command that starts everything, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import psutil

from app.cli.children import STOP_SECONDS
from tests.support.gateways import ROOT
from tests.support.ports import free_address
from tests.support.servers import kill_server
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

    from app.postgres import Server

START_SECONDS = 60.0
"""A first start makes a database and starts four processes, on a machine that other tests keep busy."""
BINDS = ("CONSOLE_BIND", "CONSOLE_GATEWAY_BIND", "CONSOLE_DEMO_BIND")


class Console:
    """`flask --app wsgi serve` as a user runs it; `said` is what it has printed on stdout and stderr."""

    def __init__(self, data_dir: Path, *options: str, **variables: str) -> None:
        environ = {
            k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("CONSOLE_")
        }
        environ |= {"CONSOLE_DATA_DIR": str(data_dir), **variables}
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "serve", *options],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C goes to the whole group; see interrupt
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def ready(self) -> tuple[str, str]:
        """Wait for the two lines, and return the address and the sign-in."""
        eventually(lambda: self.said, lambda said: "\nSign in: " in said, START_SECONDS)
        (url,) = re.findall(r"^Console: (.+)$", self.said, re.MULTILINE)
        (sign_in,) = eventually(lambda: re.findall(r"^Sign in: (.+)\n", self.said, re.MULTILINE))
        return url, sign_in

    def parts(self) -> dict[str, psutil.Process]:
        """Return its child processes, by the word after `flask --app wsgi` or `-m`."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            command = child.cmdline()
            name = next((each for each in ("gateway", "demo", "gunicorn") if each in command), None)
            if name is not None:
                found[name] = child
        return found

    def interrupt(self) -> None:
        """Send what Ctrl-C at a terminal sends: SIGINT to it and whatever it runs in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        code = self.process.wait(START_SECONDS)
        self._reader.join(PATIENCE)
        return code

    def clear_away(self) -> None:
        """End it if a test has failed; its children and its database end with it."""
        self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def console(data_dir: Path, *options: str) -> Iterator[Console]:
    """A console on addresses that were free a moment ago, and all of its processes gone at the end."""
    running = Console(data_dir, *options, **{name: free_address() for name in BINDS})
    try:
        yield running
    finally:
        running.clear_away()


def sign_in(url: str, account: str) -> str:
    """Sign in as a browser does, and return the page that follows."""
    email, password = account.split()
    with httpx.Client(base_url=url, follow_redirects=True, trust_env=False) as browser:
        form = browser.get("/login").text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token is not None
        fields = {"email": email, "password": password, "csrf_token": token[1]}
        return browser.post("/login", data=fields).raise_for_status().text


def processes_of(running: Console) -> list[psutil.Process]:
    return psutil.Process(running.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, STOP_SECONDS + PATIENCE)[1]


def test_ctrl_c_while_the_database_is_being_made(data_dir: Path, server: Server) -> None:
    """The first test here, for later ones find the database made."""
    with console(data_dir) as running:
        eventually((data_dir / "postgres.new").exists)
        running.interrupt()
        assert running.wait() == 0
        assert "Error" not in running.said
    assert server.state() == "stopped"


def test_a_first_run_a_second_one_and_a_killed_one(data_dir: Path, server: Server) -> None:
    with console(data_dir, "--demo") as first:
        url, account = first.ready()
        assert set(first.parts()) == {"demo", "gateway", "gunicorn"}
        assert "streamer" in sign_in(url, account)
        processes = processes_of(first)
        first.interrupt()
        assert first.wait() == 0
        assert "Traceback" not in first.said
    assert gone(processes)
    assert server.state() == "stopped"

    with console(data_dir) as second:
        url, again = second.ready()
        assert again == account
        assert "streamer" in sign_in(url, account)
        processes = processes_of(second)
        second.process.kill()
        assert second.wait() == -signal.SIGKILL
    assert gone(processes)
    eventually(server.state, "stopped".__eq__)


def test_a_part_that_dies_ends_the_whole_with_a_message(data_dir: Path, server: Server) -> None:
    with console(data_dir) as running:
        running.ready()
        processes = processes_of(running)
        running.parts()["gateway"].kill()
        assert running.wait() == 1
        assert "Error: gateway ended with exit code -9" in running.said
        assert "Traceback" not in running.said
    assert gone(processes)
    assert server.state() == "stopped"


def test_a_database_that_is_killed_is_started_again(data_dir: Path, server: Server) -> None:
    with console(data_dir) as running:
        url, account = running.ready()
        kill_server(server)
        eventually(server.state, "ready".__eq__)
        eventually(lambda: httpx.get(f"{url}/healthz", trust_env=False).is_success)
        assert "Containers" in sign_in(url, account)
        running.interrupt()
        assert running.wait() == 0
        assert "The embedded PostgreSQL has died" in running.said
    assert server.state() == "stopped"


def test_a_port_in_use_is_named_before_anything_is_started(data_dir: Path, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = Console(data_dir, CONSOLE_BIND=free_address(), CONSOLE_GATEWAY_BIND=address)
        try:
            assert running.wait() == 1
        finally:
            running.clear_away()
    assert running.said.startswith(
        f"Error: CONSOLE_GATEWAY_BIND: nothing can be served at {address}: Address"
    )
    assert "Starting" not in running.said
    assert server.state() == "stopped"


def test_a_missing_asset_is_named_before_anything_is_started(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    with app.app_context():
        result = app.test_cli_runner().invoke(args=["serve"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: static/vendor/htmx.min.js is missing\n")
    assert "make setup" in result.output
