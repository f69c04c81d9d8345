"""An incident's link in a browser that is not signed in, and a session's page as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Notes
    from tests.browser.product import Product

GROW = """async () => {
  const text = await (await fetch(location.href)).text();
  const next = new DOMParser().parseFromString(text, "text/html").getElementById("conversation");
  const steps = next.querySelectorAll(".step"), first = steps[0], last = steps[steps.length - 1];
  document.getElementById(first.id).dataset.mark = "kept";
  last.querySelector(".step-what").append("grown");
  const more = last.cloneNode(true);
  more.id = "step-more";
  last.after(more);
  const event = new CustomEvent("htmx:wsBeforeMessage",
    { bubbles: true, cancelable: true, detail: { message: next.outerHTML } });
  document.body.dispatchEvent(event);
  return [event.defaultPrevented, last.id];
}"""
"""Have the page take what the live socket would bring: one step has grown, and another has come."""


def test_a_link_opens_without_signing_in_and_leads_nowhere_else(
    page: Page, browser: Browser, product: Product, notes: Notes
) -> None:
    page.get_by_role("link", name="refuser", exact=True).click()
    page.get_by_role("link", name="Incident link…").click()
    page.get_by_label("Title").fill("refuser stays on HTTP")
    page.get_by_label("First note").fill("<img src=x onerror=document.title='owned'>")
    page.get_by_label("Anyone with the link").check()
    page.get_by_label("Reason", exact=True).fill("ticket 4711")
    page.get_by_role("button", name="Make incident").click()
    link = page.get_by_role("textbox", name="Link").input_value()
    page.reload()
    expect(page.get_by_role("textbox", name="Link")).to_have_count(0)

    stranger = browser.new_context(base_url=product.url)
    shared = stranger.new_page()
    notes.watch(shared)
    shared.goto(link)
    expect(shared.get_by_role("heading", name="refuser stays on HTTP")).to_be_visible()
    expect(shared.get_by_text("<img src=x")).to_be_visible()
    expect(shared.get_by_text("the agent speaks protocol version").first).to_be_visible()
    shared.locator("a.what").first.click()
    expect(shared.get_by_role("heading", name="Raw JSON")).to_be_visible()
    assert shared.url.startswith(link)
    assert "owned" not in shared.title()
    stranger.close()

    page.get_by_text("Prolong or revoke it").click()
    page.get_by_label("Reason to revoke it").fill("solved")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()


def test_a_session_grows_step_by_step(page: Page) -> None:
    page.goto("/sessions/?container=streamer")
    page.locator("a.session-prompt").first.click()
    expect(page.get_by_text("end_turn").first).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    taken, grown = page.evaluate(GROW)
    assert taken
    expect(page.locator("[data-mark=kept]")).to_have_count(1)
    expect(page.locator(f"#{grown}")).to_contain_text("grown")
    expect(page.locator("#step-more")).to_have_count(1)
    page.get_by_role("link", name="Waterfall").click()
    expect(page.locator(".lane").first).to_be_visible()
