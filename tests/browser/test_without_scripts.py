"""The main flows in a browser that runs no script: all but liveness works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.product import Product

expect.set_options(timeout=30_000)


@pytest.fixture
def plain(browser: Browser, product: Product) -> Iterator[Page]:
    """A browser without scripts, that has just signed in by the form."""
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Email").fill(product.email)
    page.get_by_label("Password").fill(product.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    yield page
    context.close()


def open_container(page: Page, name: str) -> None:
    page.goto("/containers")
    page.locator("#q").fill(name)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_a_container_is_found_prompted_configured_and_its_messages_are_read(plain: Page) -> None:
    open_container(plain, "plain")
    plain.get_by_role("textbox", name="Prompt").fill("hello without scripts")
    plain.get_by_role("button", name="Send").click()
    expect(plain.locator("#flashes")).to_contain_text("The prompt is sent")
    plain.locator("#configuration").get_by_role("link", name="Edit…").click()
    plain.get_by_label("Idle timeout").fill("61000")
    plain.get_by_label("Reason for the change").fill("without scripts")
    plain.get_by_role("button", name="Save configuration").click()
    expect(plain.locator("#flashes")).to_contain_text("The configuration is saved")
    plain.locator(".side").get_by_role("link", name="Messages").click()
    plain.locator("input#filter").fill('container:plain "hello without scripts"')
    plain.get_by_role("button", name="Show", exact=True).click()
    expect(plain.locator("#timeline-rows")).to_contain_text("session/prompt")
    plain.locator("#timeline-rows a.what:visible").first.click()
    expect(plain.get_by_role("heading", name="Raw JSON")).to_be_visible()
    expect(plain.locator("main time").first).to_contain_text("UTC")
    expect(plain.locator(".side .zone")).to_have_text("Times in UTC")


def test_a_container_is_migrated(plain: Page) -> None:
    open_container(plain, "hostile")
    plain.get_by_label("Reason for the migration").fill("without scripts")
    plain.get_by_role("button", name="Migrate to HTTP").click()
    expect(plain.locator("#flashes")).to_contain_text("is requested")
    plain.get_by_role("link", name="Protocol migrations").click()
    expect(plain.locator("table")).to_contain_text("without scripts")


def test_the_list_is_paged_by_links_that_stand_in_the_address(plain: Page) -> None:
    plain.locator(".side").get_by_role("link", name="Audit").click()
    plain.locator("#actor").fill("gateway")
    plain.get_by_role("button", name="Filter", exact=True).click()
    expect(plain).to_have_url(re.compile("actor=gateway"))
    plain.get_by_role("link", name="Show all").click()
    expect(plain).not_to_have_url(re.compile("actor=gateway"))
    expect(plain.locator("main tbody tr").first).to_be_visible()


def test_the_search_page_stands_in_for_the_palette(plain: Page) -> None:
    plain.locator("#palette-open").click()
    plain.get_by_role("searchbox", name="Find").fill("stream")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_role("link", name="streamer").click()
    expect(plain.get_by_role("heading", name="streamer")).to_be_visible()


def test_nothing_is_offered_that_only_a_script_could_do(plain: Page) -> None:
    for name in ("keys-open", "theme-toggle"):
        expect(plain.locator(f"#{name}")).to_be_hidden()


def test_one_leaves_by_the_menu_on_a_wide_and_on_a_narrow_window(plain: Page) -> None:
    plain.set_viewport_size({"width": 390, "height": 844})
    plain.locator(".fold > summary").click()
    plain.locator(".fold-body").get_by_role("link", name="Gateways").click()
    expect(plain.get_by_role("heading", name="Gateways")).to_be_visible()
    plain.locator(".topbar .menu > summary").click()
    plain.get_by_role("button", name="Sign out").click()
    expect(plain.get_by_role("heading", name="Sign in")).to_be_visible()
