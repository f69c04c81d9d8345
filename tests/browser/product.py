"""The product with its demo fleet as a process of its own, and the Chromium to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.folders import database_folder
from tests.support.ports import free_address
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
START_SECONDS = 120  # initdb, four processes and their imports on a busy two-core machine take 15
STOP_SECONDS = 30

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root has no sandbox here; the others keep Chromium from looking for hosts of its maker."""


@dataclass(frozen=True, slots=True)
class Product:
    """Where the product and its demo fleet are served, and how to sign in."""

    url: str
    demo: str
    email: str
    password: str
    data: Path

    def order(self, name: str, **fault: object) -> None:
        """Order a fault of a demo container (`app.demo.control.Orders`)."""
        ordered = httpx.post(f"{self.demo}/{name}/_control", json=fault, trust_env=False)
        ordered.raise_for_status()


@contextmanager
def running() -> Iterator[Product]:
    """`flask serve --demo`, as `make run` starts it, with an empty data folder and free ports."""
    with ExitStack() as stack:
        data = stack.enter_context(database_folder("console-browser-"))
        log = data / "output.log"
        output = stack.enter_context(log.open("w"))
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve", "--demo"]
        environ = _environ(data)
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        stack.callback(_stop, process)
        ended = "Sign in: |^Error: "
        said = eventually(log.read_text, lambda text: re.search(ended, text, re.MULTILINE), START_SECONDS)
        url, email, password = re.findall(r"^Console: (\S+)\nSign in: (\S+) (\S+)$", said, re.MULTILINE)[0]
        yield Product(url, f"http://{environ['CONSOLE_DEMO_BIND']}", email, password, data)


def _environ(data: Path) -> dict[str, str]:
    settings = {f"CONSOLE_{name}": free_address() for name in ("BIND", "GATEWAY_BIND", "DEMO_BIND")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")}
    kept.pop("DATABASE_URL", None)
    return {**kept, **settings, "CONSOLE_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(STOP_SECONDS)


def chromium() -> dict[str, Any]:
    """How it is launched; without one, a test that asks is skipped, and in CI fails."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        says = pytest.fail if os.environ.get("CI") else pytest.skip
        says("no Chromium: apt-get install chromium")
    return {"executable_path": found, "args": QUIET}
