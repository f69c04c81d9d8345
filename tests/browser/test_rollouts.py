"""A rollout in two waves: its canary fails, goes back by itself, and is retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import pages

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.product import Product

expect.set_options(timeout=60_000)


@pytest.fixture
def team(product: Product) -> None:
    """Three containers of a team: two that can be migrated, and one that cannot."""
    with pages.signed_in(product) as client:
        for name, agent in (("first-mover", "http-first"), ("follower", "slow")):
            pages.register(client, name, f"{product.demo}/{agent}", labels="team=pilots")
        legacy = {"labels": "team=pilots", "supported_protocols": "http"}
        pages.register(client, "old-timer", f"{product.demo}/http-only", **legacy)


@pytest.mark.usefixtures("team")
def test_a_canary_fails_goes_back_and_is_retried(page: Page, product: Product) -> None:
    page.goto("/containers?label=team%3Dpilots")
    page.get_by_role("link", name="Roll out to these…").click()
    page.locator("#name").fill("Pilots to ACP")
    page.locator("#waves").fill("1, 100 %")
    page.get_by_label("Canaries by hand").fill("first-mover")
    page.get_by_label("Bake time, in seconds").fill("1")
    page.get_by_label("Watched for, in seconds").fill("4")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview: 2 take part")).to_be_visible()
    expect(page.get_by_role("heading", name="Left out: 1")).to_be_visible()
    page.get_by_label("How many").fill("2")
    page.get_by_label("Reason").fill("a pilot")
    page.get_by_role("button", name="Create and start").click()

    canary = page.locator("tr[id^=part-]", has_text="first-mover")
    expect(canary).to_contain_text("verifying")
    product.order("http-first", mute=True)  # after the switch: it has something to go back from
    expect(page.locator(".roll-now")).to_contain_text("paused")
    expect(page.locator(".roll-now")).to_contain_text("1 failed (limit: 1)")
    expect(canary).to_contain_text("failed")
    expect(page.locator("tr[id^=part-]", has=page.get_by_role("link", name="follower"))).to_contain_text(
        "waiting"
    )
    canary.get_by_role("link", name="migration").click()
    expect(page.locator("main")).to_contain_text("rolled back")
    page.go_back()

    product.order("http-first", drop=True)
    page.get_by_role("link", name="Retry…").click()
    page.get_by_label("How many").fill("1")
    page.get_by_label("Reason").fill("mended")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".roll-now")).to_contain_text("completed")
    expect(page.locator(".roll-counts")).to_contain_text("2 completed")
    expect(canary.locator("td").nth(3)).to_have_text("2")
    page.get_by_role("link", name="first-mover", exact=True).click()
    expect(page.locator("[id^=rollouts-of-]")).to_contain_text("Pilots to ACP")
