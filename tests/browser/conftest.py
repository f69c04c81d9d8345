"""The real product with its demo fleet, and a real browser that notes whatever a page does wrong.

The modules of this package share one product, one browser and one sign-in, which take ten seconds to start;
they are stopped before the tests of other folders. So a test changes only what it puts back, what the others
do not ask for, or containers of its own (`pages.register`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import pages
from tests.browser.product import chromium, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState

    from tests.browser.pages import Found
    from tests.browser.product import Product

PATIENCE = 30_000  # ms for a condition in the page: a first dial and a handshake take about one second


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    with running() as product:
        yield product


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, as the distribution has it. In CI its absence is a failure."""
    options = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


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


@pytest.fixture(scope="package")
def found(product: Product) -> Found:
    """Every page of the product, with the rows that the demo has not."""
    return pages.walk_all(product)


@pytest.fixture(scope="package")
def signed_in(browser: Browser, product: Product) -> StorageState:
    """What a browser keeps of having signed in."""
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
