"""Times stand in the viewer's zone, with UTC on hover."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser import pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.product import Product

UTC_WORDS = "%Y-%m-%d %H:%M:%S"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
def test_times_are_the_viewers_and_utc_on_hover(browser: Browser, product: Product, zone: str) -> None:
    context = browser.new_context(base_url=product.url, timezone_id=zone, locale="en-GB")
    context.add_cookies(pages.cookies(product))
    page = context.new_page()
    page.goto("/connections")
    shown = page.locator("#connection-list tbody .cell-when time").first
    instant = dt.datetime.fromisoformat(str(shown.get_attribute("datetime")))
    expect(shown).to_contain_text(instant.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S"))
    assert str(shown.get_attribute("title")).startswith(f"{instant.astimezone(dt.UTC):{UTC_WORDS}}")
    assert str(shown.get_attribute("title")).endswith(" UTC")
    expect(page.locator(".side [data-zone]")).to_contain_text("UTC" + offset(instant, zone))
    context.close()


def offset(instant: dt.datetime, zone: str) -> str:
    """Write a zone's offset as the page does: +5:30."""
    minutes = round(instant.astimezone(ZoneInfo(zone)).utcoffset().total_seconds() / 60)  # type: ignore[union-attr]
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
