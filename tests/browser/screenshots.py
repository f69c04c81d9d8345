"""Take every page's screenshot, with the demo fleet: `python -m tests.browser.screenshots docs/screenshots`.

Each page on a wide window in the light theme; some in the dark one and on a phone, too. The PNGs have 256
colours: text on plain grounds needs no more, and the folder stays small. docs/pages.md, which shows them, is
written anew.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import pages
from tests.browser.product import chromium, running
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.product import Product

COLOURS: Final = 256
MOST_BYTES: Final = 150_000
KEYS: Final = {"keys": "?", "palette": "Control+k"}


class Look(NamedTuple):
    """A window and a theme; `suffix` tells its screenshots from the others'."""

    suffix: str
    width: int
    height: int
    theme: str
    pages: frozenset[str] | None = None  # None stands for all


LOOKS: Final = (
    Look("", 1280, 800, "light"),
    Look(
        "-dark",
        1280,
        800,
        "dark",
        frozenset(
            {"overview.index", "containers.index", "containers.show", "messages.index", "statistics.index"}
        ),
    ),
    Look(
        "-phone",
        390,
        844,
        "light",
        frozenset(
            {"overview.index", "containers.index", "containers.show", "messages.index", "messages.show"}
        ),
    ),
    Look("-wide", 1920, 1000, "light", frozenset({"overview.index", "containers.show", "messages.index"})),
)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with running() as product, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium())
        found = pages.walk_all(product)
        eventually(lambda: _is_busy(product, found), patience=2 * pages.WARM_SECONDS)
        for look in LOOKS:
            _take_all(browser, product, look, found, folder)
        browser.close()
    _describe(folder)


def _take_all(browser: Browser, product: Product, look: Look, found: pages.Found, folder: Path) -> None:
    context = browser.new_context(
        base_url=product.url,
        color_scheme=look.theme,  # type: ignore[arg-type]
        viewport={"width": look.width, "height": look.height},
        reduced_motion="reduce",
    )
    context.add_cookies(pages.cookies(product))
    page = context.new_page()
    for name, address in pages.everything(found):
        if look.pages is None or name in look.pages:
            page.goto(address)
            _settle(page)
            _save(page, folder / f"{name.replace('.', '-')}{look.suffix}.png")
    if not look.suffix:
        for name, key in KEYS.items():
            page.goto("/")
            _settle(page)
            page.keyboard.press(key)
            page.wait_for_selector(f"#{name}[open]")
            _save(page, folder / f"{name}.png")
        context.clear_cookies()
        page.goto("/login")
        _save(page, folder / "security-login.png")
    context.close()


def _is_busy(product: Product, found: pages.Found) -> bool:
    """Whether the first container has sessions, and a minute is over; until then, the pages look empty."""
    with pages.signed_in(product) as client:
        return not (
            "No sessions" in client.get(found.pages["sessions.index"]).text
            or "Nothing to judge" in client.get(pages.STATES["statistics.threshold_tried"]).text
        )


def _settle(page: Page) -> None:
    """Wait until a live page is live, so that none is shown connecting."""
    if page.locator("#live").count() and page.locator("#live-socket").count():
        page.wait_for_selector("#live[data-state=live]")


def _save(page: Page, path: Path) -> None:
    drawn = (
        Image.open(io.BytesIO(page.screenshot()))
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    drawn.save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{path.name} has {size} bytes; {MOST_BYTES} are allowed")
    print(f"{size:7d} {path.name}")  # noqa: T201 - a command says what it does


def _describe(folder: Path) -> None:
    """Write the page that shows them, a heading a blueprint."""
    lines = ["# The pages", ""]
    lines += ["Every page of the console with the demo fleet. This file and the pictures are written by"]
    lines += [
        "`python -m tests.browser.screenshots docs/screenshots`; how pages are made: [design.md](design.md)."
    ]
    heading = ""
    for path in sorted(folder.glob("*.png")):
        noun, _, what = path.stem.partition("-")
        title = noun.replace("_", " ").capitalize()
        if title != heading:
            heading = title
            lines += ["", f"## {heading}"]
        words = what.replace("-", ", ").replace("_", " ") or noun
        lines += ["", words, "", f"![{path.stem}]({folder.name}/{path.name})"]
    (folder.parent / "pages.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screenshots"))
