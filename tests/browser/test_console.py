"""What a support person does, in a real browser against the real product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Notes
    from tests.browser.product import Product

PATIENCE = 30_000  # ms

expect.set_options(timeout=PATIENCE)

# Set on the window, so that a reload would lose it.
MARK = "window.notReloaded = true"
MARKED = "window.notReloaded === true"


def open_container(page: Page, name: str) -> None:
    page.goto(f"/containers?q={name}")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate(MARK)


def test_a_state_changes_in_the_list_without_reloading(page: Page, product: Product) -> None:
    page.goto("/containers?q=acp-only")
    page.evaluate(MARK)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    row = page.locator("tr", has=page.get_by_role("link", name="acp-only", exact=True))
    expect(row.locator(".state")).to_have_text(re.compile("● connected"))
    errors = row.locator("td.num").last
    before = errors.inner_text()
    product.order("acp-only", drop=True)
    expect(errors).not_to_have_text(before)
    expect(row.locator("td.num b.bad")).to_be_visible()
    expect(row.locator(".state")).to_have_text(re.compile("● connected"))
    assert page.evaluate(MARKED)


def test_a_container_that_is_registered_or_removed_changes_the_list(page: Page) -> None:
    page.goto("/containers?q=newcomer")
    page.evaluate(MARK)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    elsewhere = page.context.new_page()
    elsewhere.goto("/containers/new")
    elsewhere.get_by_label("Name").fill("newcomer")
    elsewhere.get_by_label("Endpoint").fill("http://127.0.0.1:9")
    elsewhere.get_by_role("button", name="Register").click()
    row = page.locator("tr", has=page.get_by_role("link", name="newcomer", exact=True))
    expect(row.locator(".state")).to_have_text(re.compile("disconnected"))
    elsewhere.get_by_role("link", name="Remove").click()
    elsewhere.get_by_label("Name").fill("newcomer")
    elsewhere.get_by_label("Reason").fill("only a test")
    elsewhere.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    assert page.evaluate(MARKED)


def test_a_message_arrives_without_reloading(page: Page) -> None:
    open_container(page, "plain")
    page.get_by_role("textbox", name="Prompt").fill("hello from the browser")
    page.get_by_label("Allow what it asks once").check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#flashes")).to_contain_text("The prompt is sent")
    expect(page.locator("#timeline-rows")).to_contain_text("echo: hello from the browser")
    page.evaluate(MARK)
    elsewhere = page.context.new_page()
    elsewhere.goto(page.url)
    elsewhere.get_by_role("textbox", name="Prompt").fill("hello from elsewhere")
    elsewhere.get_by_label("Allow what it asks once").check()
    elsewhere.get_by_role("button", name="Send").click()
    expect(page.locator("#timeline-rows")).to_contain_text("hello from elsewhere")
    assert page.evaluate(MARKED)


def test_a_message_opens_as_a_tree_with_its_pair(page: Page) -> None:
    open_container(page, "plain")
    asked = page.locator("#timeline-rows > li", has=page.locator(".outbound"))
    asked.locator("a", has_text="session/prompt").first.click()
    expect(page.get_by_role("heading", name="Raw JSON")).to_be_visible()
    expect(page.locator(".tree")).to_contain_text("session/prompt")
    page.get_by_role("heading", name="Its answer").locator("..").get_by_role("link").click()
    expect(page.get_by_role("heading", name="The request it answers")).to_be_visible()


def test_pausing_misses_nothing(page: Page) -> None:
    open_container(page, "streamer")
    expect(page.locator("#timeline-rows > li").first).to_be_visible()
    rows = page.locator("#timeline-rows li.message")  # those in runs of chunks, too
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    before = rows.last.get_attribute("id")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(rows.last).not_to_have_attribute("id", str(before))
    ids = rows.evaluate_all("rows => rows.map(row => row.id)")
    assert len(ids) == len(set(ids))
    assert before in ids
    assert ids == sorted(ids)


def test_a_configuration_is_checked_while_typing_tried_and_saved(page: Page) -> None:
    open_container(page, "acp-only")
    page.locator("#configuration").get_by_role("link", name="Edit…").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    first_delay = page.get_by_label("First delay")
    first_delay.fill("99999999")
    expect(page.locator("#configuration-checks")).to_contain_text("Nothing can be saved yet")
    expect(page.locator("#note-reconnect_delay")).to_contain_text("86400000")
    first_delay.fill("750")
    expect(page.locator("#note-reconnect_delay")).to_contain_text("changed ↻ applied live")
    page.get_by_label("Compression").click()
    expect(page.locator("#note-compression_enabled")).to_contain_text("changed ⟳ reconnects")
    expect(page.locator("#configuration-checks")).to_contain_text("Saving 2 changes reconnects")
    page.get_by_label("Reason for the change").fill("to see")
    expect(page.get_by_label("Reason for the change")).to_be_focused()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trials li").first).to_contain_text("the handshake succeeded")
    expect(first_delay).to_have_value("750")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.locator("#flashes")).to_contain_text("is saved as revision 2")
    expect(first_delay).to_have_value("750")


def test_who_edits_a_configuration_hears_of_a_revision_that_others_save(page: Page, notes: Notes) -> None:
    open_container(page, "plain")
    page.locator("#configuration").get_by_role("link", name="Edit…").click()
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_label("Idle timeout").fill("62000")
    page.get_by_label("Reason for the change").fill("mine")
    other.get_by_label("First delay").fill("1100")
    other.get_by_label("Reason for the change").fill("theirs")
    other.get_by_role("button", name="Save configuration").click()
    expect(page.locator("#configuration-newer")).to_contain_text("“theirs”")
    expect(page.locator("#current-reconnect_delay")).to_have_text("1100")
    expect(page.get_by_label("Idle timeout")).to_have_value("62000")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_label("First delay")).to_have_value("1100")
    expect(page.locator("#note-reconnect_delay")).to_contain_text("taken over here")
    (conflict,) = notes.console  # Chromium notes the status of a page that is no success
    assert "409" in conflict
    notes.console.clear()
    page.get_by_role("button", name="Save configuration").click()
    expect(page.locator("#flashes")).to_contain_text("is saved as revision")
    expect(page.locator("#current-idle_timeout")).to_have_text("62000")
    expect(page.locator("#current-reconnect_delay")).to_have_text("1100")


def test_a_container_is_migrated_and_rolled_back(page: Page) -> None:
    open_container(page, "http-first")
    session = page.locator("dl.facts").first
    expect(session.locator(".protocol")).to_have_text("HTTP")
    page.get_by_label("Reason for the migration").fill("less latency")
    page.get_by_role("button", name="Migrate to ACP").click()
    expect(page.locator("#flashes")).to_contain_text("is requested")
    page.evaluate(MARK)
    expect(session.locator(".protocol")).to_have_text("ACP")
    expect(page.locator(".history > li").first).to_contain_text("completed")
    page.get_by_label("Reason for the migration").fill("more errors")
    assert page.evaluate(MARKED)
    page.get_by_role("button", name="Roll back to HTTP").click()
    expect(page.locator("#flashes")).to_contain_text("The rollback is requested")
    expect(session.locator(".protocol")).to_have_text("HTTP")
    history = page.locator(".history > li")
    expect(history.first).to_contain_text("completed")
    expect(history.nth(1)).to_contain_text("rolled back")
    page.goto("/protocol-migrations")
    expect(page.locator("table")).to_contain_text("more errors")


def test_a_move_is_looked_at_prepared_and_switched(page: Page) -> None:
    open_container(page, "http-first")
    page.get_by_role("link", name="Choose how…").click()
    page.get_by_label("Manual", exact=True).check()
    page.get_by_label("Reason", exact=True).fill("looked at first")
    page.get_by_role("button", name="Run the preflight (dry run)").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate(MARK)
    preflight = page.locator("#preflight")
    expect(preflight).to_contain_text("the network, by the dry run")
    expect(preflight).to_contain_text("Nothing stands in the way")
    assert page.evaluate(MARKED)
    page.get_by_text("Verification after the switch").click()
    page.get_by_label("Watched for, in seconds").fill("0")
    expect(page.get_by_label("Manual", exact=True)).to_be_checked()
    page.get_by_role("button", name="Prepare http-first for ACP").click()
    switch = page.get_by_role("button", name="Switch to ACP now")
    expect(switch).to_be_visible()
    page.evaluate(MARK)
    expect(page.locator(".station-now")).to_contain_text("prepared")
    elsewhere = page.context.new_page()  # another person switches it, and this page follows
    elsewhere.goto(page.url)
    elsewhere.get_by_label("Reason", exact=True).fill("everybody is told")
    elsewhere.get_by_role("button", name="Switch to ACP now").click()
    expect(page.get_by_role("button", name="Roll back to HTTP")).to_be_visible()
    expect(page.locator(".phase-step").last).to_contain_text("completed")
    assert page.evaluate(MARKED)
    page.get_by_label("Reason", exact=True).fill("back for the other tests")
    page.get_by_role("button", name="Roll back to HTTP").click()
    expect(page.locator(".phase-step").last).to_contain_text("completed")


def test_hostile_payloads_are_text(page: Page) -> None:
    open_container(page, "hostile")
    page.get_by_role("textbox", name="Prompt").fill("<img src=x onerror=\"document.title='owned'\">")
    page.get_by_role("button", name="Send").click()
    rows = page.locator("#timeline-rows")
    for text in ("<script>document.title", "<img src=x onerror", 'hx-get="/logout"', "hx-swap-oob='true'"):
        expect(rows).to_contain_text(text)
    assert rows.locator("script, img, [hx-get], [onerror], tr").count() == 0
    assert page.locator("#topbar").count() == 0
    said = rows.locator("a", has_text="<script>").first
    page.goto(str(said.get_attribute("href")))  # not by a click: it may stand in a closed run of chunks
    expect(page.locator(".tree")).to_contain_text("<script>document.title")
    assert page.locator("main script, main img").count() == 0
    assert page.title().endswith("LumiLink ACP Console")


def test_searching_narrows_the_list_as_one_types(page: Page) -> None:
    page.goto("/containers")
    page.evaluate(MARK)
    page.get_by_label("Search").press_sequentially("http-o")
    expect(page.locator("#container-list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=http-o"))
    assert page.evaluate(MARKED)
    page.go_back()
    expect(page.locator("#container-list tbody tr")).not_to_have_count(1)


def test_the_theme_is_the_systems_or_the_chosen_one(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/containers")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Use the light theme").click()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_forms_work_without_scripts(page: Page) -> None:
    context = page.context.browser.new_context(  # type: ignore[union-attr]
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    base = page.url.rstrip("/")
    plain.goto(f"{base}/containers?q=plain")
    plain.get_by_role("link", name="plain", exact=True).click()
    plain.locator("#configuration").get_by_role("link", name="Edit…").click()
    plain.get_by_label("Idle timeout").fill("61000")
    plain.get_by_label("Reason for the change").fill("without scripts")
    plain.get_by_role("button", name="Save configuration").click()
    expect(plain.locator("#flashes")).to_contain_text("The configuration is saved")
    plain.goto(f"{base}/configurations/change?q=plain")
    plain.get_by_label("Idle timeout").fill("61500")
    plain.get_by_role("button", name="Preview").click()
    plain.get_by_label("How many").fill("1")
    plain.get_by_label("Reason for the change").fill("many without scripts")
    plain.get_by_role("button", name="Change 1 configuration").click()
    expect(plain.locator("#flashes")).to_contain_text("1 configuration is changed")
    expect(plain.locator("time").first).to_contain_text("UTC")
    context.close()
