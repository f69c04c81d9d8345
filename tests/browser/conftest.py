"""The real product with its demo fleet, and a real browser that notes whatever a page does wrong."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.support.folders import database_folder
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState

ROOT = Path(__file__).parents[2]
START_SECONDS = 120  # initdb, four processes and their imports on a busy two-core machine take 15
STOP_SECONDS = 30
PATIENCE = 30_000  # ms for a condition in the page: a first dial and a handshake take about one second

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
    """Where the product is served, and how to sign in."""

    url: str
    email: str
    password: str
    data: Path


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The product for the tests of a module."""
    with running() as product:
        yield product


@contextmanager
def running() -> Iterator[Product]:
    """`flask serve --demo`, as `make run` starts it, with an empty data folder and free ports."""
    with ExitStack() as stack:
        data = stack.enter_context(database_folder("console-browser-"))
        log = data / "output.log"
        output = stack.enter_context(log.open("w"))
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve", "--demo"]
        process = subprocess.Popen(command, cwd=ROOT, env=_environ(data), stdout=output, stderr=output)
        stack.callback(_stop, process)
        ended = "Sign in: |^Error: "
        said = eventually(log.read_text, lambda text: re.search(ended, text, re.MULTILINE), START_SECONDS)
        url, email, password = re.findall(r"^Console: (\S+)\nSign in: (\S+) (\S+)$", said, re.MULTILINE)[0]
        yield Product(url, email, password, data)


def _environ(data: Path) -> dict[str, str]:
    settings = {
        f"CONSOLE_{name}": f"127.0.0.1:{_free_port()}" for name in ("BIND", "GATEWAY_BIND", "DEMO_BIND")
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")}
    kept.pop("DATABASE_URL", None)
    return {**kept, **settings, "CONSOLE_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the distribution has it. In CI its absence is a failure."""
    options = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


def chromium() -> dict[str, Any]:
    """How it is launched; without one, a test that asks is skipped, and in CI fails."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        says = pytest.fail if os.environ.get("CI") else pytest.skip
        says("no Chromium: apt-get install chromium")
    return {"executable_path": found, "args": QUIET}


@dataclass
class Notes:
    """What pages have said and asked for."""

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)
        page.on("websocket", lambda opened: self.hosts.add(urlsplit(opened.url).netloc))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.hosts.add(urlsplit(request.url).netloc)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, product: Product) -> StorageState:
    """What a browser keeps of having signed in, once for the tests of a module."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Email").fill(product.email)
    page.get_by_label("Password").fill(product.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#overview")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(browser: Browser, product: Product, signed_in: StorageState, notes: Notes) -> Iterator[Page]:
    """A signed-in browser. At its end nothing has gone wrong: no script error, CSP breach or other host."""
    context = browser.new_context(base_url=product.url, storage_state=signed_in)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    notes.watch(page)
    page.goto("/")  # until it is loaded: a key that is pressed before the scripts have run is nobody's
    yield page
    title = page.title()
    context.close()
    assert "owned" not in title
    assert (notes.console, notes.errors, notes.dialogs) == ([], [], [])
    assert notes.hosts == {urlsplit(product.url).netloc}
