"""axe-core finds nothing: every page, in light and dark, on a wide window and on a phone's."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Product
    from tests.browser.pages import Found

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  const place = (node) => `${node.html.slice(0, 200)} ${node.failureSummary}`;
  return violations.map((each) => [each.id, each.nodes.slice(0, 5).map(place)]);
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 390)]
SHEETS = {"keys": "Shift+?", "palette": "Control+k"}

pytestmark = pytest.mark.timeout(600)  # some thirty pages, each with axe's hundred rules


@pytest.fixture(scope="module")
def found(product: Product) -> Found:
    return pages.walk_all(product)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def looked_at(request: pytest.FixtureRequest, browser: Browser, product: Product) -> Iterator[Page]:
    """A signed-in page of a width in a theme, with axe in it wherever it goes, past the CSP."""
    theme, width = request.param
    context = browser.new_context(
        base_url=product.url,
        color_scheme=theme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
        reduced_motion="reduce",  # a row that is still fading has no colours to measure
    )
    context.add_cookies(pages.cookies(product))
    context.add_init_script(AXE)
    # Connected, and silent: rows that come while axe measures would lie over each other.
    context.route_web_socket(re.compile("/live/"), lambda _: None)
    yield context.new_page()
    context.close()


def violations(page: Page) -> list[Any]:
    # Rows out of sight are not laid out until they are scrolled to; axe would measure a half of them.
    page.add_style_tag(content="* { content-visibility: visible !important }")
    found: list[Any] = page.evaluate(RUN, TAGS)
    return found


def test_nothing_is_found_on_any_page(looked_at: Page, found: Found) -> None:
    wrong = {}
    for name, address in pages.everything(found):
        looked_at.goto(address)
        if says := violations(looked_at):
            wrong[f"{name} {address}"] = says
        if (pixels := looked_at.evaluate(WIDER)) > 0:
            wrong[f"{name} is {pixels} px too wide"] = address
    assert wrong == {}


def test_nothing_is_found_while_a_dialog_or_a_menu_is_open(looked_at: Page) -> None:
    wrong = {}
    for name, key in SHEETS.items():
        looked_at.goto("/")
        looked_at.keyboard.press(key)
        looked_at.wait_for_selector(f"#{name}[open]")
        if says := violations(looked_at):
            wrong[name] = says
    looked_at.goto("/")
    for summary in looked_at.locator(".topbar summary:visible").all():
        summary.click()
        if says := violations(looked_at):
            wrong[str(summary)] = says
    assert wrong == {}


def test_nothing_is_found_before_signing_in(looked_at: Page) -> None:
    looked_at.context.clear_cookies()
    looked_at.goto("/login")
    assert violations(looked_at) == []
