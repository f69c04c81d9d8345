"""axe-core finds nothing: every page, in light and dark, in a wide window and in a phone's."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.pages import Found
    from tests.browser.product import Product

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a theme can break."""
RUN = """async ([within, runOnly]) => {
  const { violations } = await axe.run(within, { runOnly, resultTypes: ["violations"] });
  const place = (node) => `${node.html.slice(0, 200)} ${node.failureSummary}`;
  return violations.map((each) => [each.id, each.nodes.slice(0, 5).map(place)]);
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOKS = [(width, theme) for width in (1280, 390) for theme in ("light", "dark")]
SHEETS = {"keys": "Shift+?", "palette": "Control+k"}

pytestmark = pytest.mark.timeout(600)  # some thirty pages, each with axe's hundred rules


@pytest.fixture
def looked_at(browser: Browser, product: Product) -> Iterator[Page]:
    """A signed-in page with axe in it wherever it goes, past the CSP."""
    context = browser.new_context(
        base_url=product.url,
        bypass_csp=True,
        reduced_motion="reduce",  # a row that is still fading has no colours to measure
    )
    context.add_cookies(pages.cookies(product))
    context.add_init_script(AXE)
    # Connected, and silent: rows that come while axe measures would lie over each other.
    context.route_web_socket(re.compile("/live/"), lambda _: None)
    yield context.new_page()
    context.close()


def violations(page: Page, within: str = "html") -> dict[str, Any]:
    """Return what axe finds in each look at a page: all in the light, what is of colours in the dark."""
    # Rows out of sight are not laid out until they are scrolled to; axe would measure a half of them.
    page.add_style_tag(content="* { content-visibility: visible !important }")
    found: dict[str, Any] = {}
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        look = f"{theme}-{width}"
        found[look] = page.evaluate(RUN, [within, TAGS if theme == "light" else OF_COLOURS])
        if (pixels := page.evaluate(WIDER)) > 0:
            found[look].append(f"{pixels} px too wide")
    return {look: says for look, says in found.items() if says}


def test_nothing_is_found_on_any_page(looked_at: Page, found: Found) -> None:
    wrong = {}
    for name, address in pages.everything(found):
        looked_at.goto(address)
        if says := violations(looked_at):
            wrong[f"{name} {address}"] = says
    assert wrong == {}


@pytest.mark.parametrize(("name", "key"), SHEETS.items(), ids=SHEETS)
def test_nothing_is_found_while_a_dialog_is_open(looked_at: Page, name: str, key: str) -> None:
    looked_at.goto("/")
    looked_at.keyboard.press(key)
    looked_at.wait_for_selector(f"#{name}[open]")
    assert violations(looked_at) == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_found_while_a_menu_is_open(looked_at: Page, width: int) -> None:
    looked_at.set_viewport_size({"width": width, "height": 900})
    looked_at.goto("/")
    for summary in looked_at.locator(".topbar summary:visible").all():
        summary.click()
        # It lies over the page, of whose links it may leave a strip.
        assert violations(looked_at, within=".topbar") == {}, str(summary)
        looked_at.set_viewport_size({"width": width, "height": 900})


def test_nothing_is_found_before_signing_in(looked_at: Page) -> None:
    looked_at.context.clear_cookies()
    looked_at.goto("/login")
    assert violations(looked_at) == {}
