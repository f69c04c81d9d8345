"""Choosing many containers and saving a view, in a real browser against the real product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.product import Product

expect.set_options(timeout=30_000)


def box(name: str) -> str:
    return f'input[name="container"][aria-label="Select {name}"]'


def test_ticks_outlive_live_lines_and_lead_to_a_probe_of_many(page: Page, product: Product) -> None:
    page.goto("/containers?q=acp-only")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.locator(box("acp-only")).check()
    expect(page.locator("#picked")).to_have_text("1 selected")
    line = page.locator("tr", has=page.get_by_role("link", name="acp-only", exact=True))
    line.evaluate("line => { line.dataset.old = 'yes' }")
    product.order("acp-only", drop=True)
    expect(line).not_to_have_attribute("data-old", "yes")
    expect(line.locator(".state")).to_have_text(re.compile("● connected"))
    expect(page.locator(box("acp-only"))).to_be_checked()
    expect(page.locator("#picked")).to_have_text("1 selected")
    page.get_by_role("button", name="Probe…").click()
    expect(page.get_by_role("heading", name="Asked of 1")).to_be_visible()
    page.get_by_label("How many").fill("1")
    page.get_by_label("Reason").fill("only a test")
    page.get_by_role("button", name="Probe 1").click()
    expect(page.locator("tbody .phase")).to_have_text(re.compile("done|failed"))


def test_the_box_in_the_head_ticks_the_page(page: Page) -> None:
    page.goto("/containers")
    page.get_by_label("Select all on this page").check()
    number = page.locator('input[name="container"]:checked').count()
    assert number > 1
    expect(page.locator("#picked")).to_have_text(f"{number} selected")


def test_a_view_is_saved_from_the_menu_and_opened(page: Page) -> None:
    page.goto("/containers?sort=errors&q=dropper")
    page.locator(".saved-views summary").click()
    page.get_by_label("Save this view as").fill("Droppers")
    page.locator(".saved-views").get_by_role("button", name="Save").click()
    expect(page.locator("#flashes")).to_contain_text("The view Droppers is saved.")
    page.goto("/containers")
    page.locator(".saved-views summary").click()
    page.get_by_role("link", name="Droppers", exact=True).click()
    expect(page).to_have_url(re.compile(r"/containers\?q=dropper&sort=errors$"))
