"""Everything by keyboard: the list of keys, pages, rows, the filter, the palette; and off, if one likes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPLACE = """
    const fragment = document.querySelector("#actions button[form=act]").closest("[id]");
    fragment.replaceWith(fragment.cloneNode(true));
"""
"""What a live update does."""

expect.set_options(timeout=30_000)


def test_the_keys_are_listed_with_those_of_the_page(page: Page) -> None:
    page.goto("/containers?q=streamer")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="streamer", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("go to Messages")
    expect(keys).to_contain_text("pause or resume")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(page.locator("#live-pause")).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")  # else Space would resume
    page.keyboard.press("Space")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    page.keyboard.press("Space")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def test_g_and_a_letter_lead_to_a_page_but_not_while_typing(page: Page) -> None:
    page.goto("/containers")
    page.keyboard.press("/")
    search = page.locator("#q")
    expect(search).to_be_focused()
    page.keyboard.type("gm?")
    expect(search).to_have_value("gm?")
    search.blur()
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(r"/messages/?$"))
    page.keyboard.press("Control+g")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(r"/messages/?$"))


def test_rows_are_gone_through(page: Page) -> None:
    page.goto("/containers")
    links = page.locator("#container-list a.name")
    for key, focused in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        expect(links.nth(focused)).to_be_focused()


def test_single_keys_can_be_switched_off(page: Page) -> None:
    page.get_by_role("button", name="Show the keys").click()
    page.get_by_label("Single keys work").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_the_palette_leads_to_a_container_and_to_a_page(page: Page) -> None:
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Find")
    expect(box).to_be_focused()
    page.keyboard.type("stream")
    option = page.get_by_role("option", name=re.compile("streamer"))
    expect(option).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", re.compile("hit-"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="streamer")).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.keyboard.press("Control+k")
    page.keyboard.type("gatew")
    expect(page.get_by_role("option", name=re.compile("Gateways"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/gateways"))


def test_the_palette_runs_what_the_page_offers(page: Page) -> None:
    page.goto("/containers?q=plain")
    page.get_by_role("link", name="plain", exact=True).click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.get_by_role("button", name="Probe", exact=True)).to_be_enabled()
    page.get_by_label("Reason for the action").fill("from the palette")
    page.keyboard.press("Control+k")
    page.keyboard.type("probe")
    expect(page.get_by_role("option", name=re.compile("Probe"))).to_have_attribute("aria-selected", "true")
    page.evaluate(REPLACE)
    page.keyboard.press("Enter")
    expect(page.locator("#actions .history")).to_contain_text("from the palette")


def test_the_palette_says_when_nothing_is_found(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("<b>nothing")
    expect(page.locator("#palette-none")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
