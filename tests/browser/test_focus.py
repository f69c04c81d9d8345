"""What a person holds in a fragment is still held after a live update has replaced it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 60_000  # ms; a row of the list that is on ACP changes with each message, at most every second
expect.set_options(timeout=30_000)

# An element that the page has drawn anew does not carry a mark that was set on the old one.
MARK = "element => { element.isOld = true }"
TAKES_KEYS_ONCE_CLOSED = """dialog => new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(document.activeElement.tagName));
    dialog.close();
})"""
REPLACED = "id => document.getElementById(id) && !document.getElementById(id).isOld"


def open_container(page: Page, name: str) -> None:
    page.goto(f"/containers?q={name}")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def ask(page: Page, button: str, reason: str) -> None:
    """Do something about the same container in another tab, which changes this one's fragments."""
    elsewhere = page.context.new_page()
    elsewhere.goto(page.url)
    elsewhere.get_by_label("Reason for the action").fill(reason)
    elsewhere.get_by_role("button", name=button, exact=True).click()
    expect(elsewhere.locator("#flashes")).not_to_be_empty()
    elsewhere.close()
    page.bring_to_front()


def test_the_focus_stays_on_the_same_link_of_a_row(page: Page) -> None:
    page.goto("/containers?q=streamer")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    row = page.locator("#container-list tbody tr").first
    identity = row.get_attribute("id")
    row.evaluate(MARK)
    link = page.get_by_role("link", name="streamer", exact=True)
    link.focus()
    page.wait_for_function(REPLACED, arg=identity, timeout=PATIENCE)
    expect(link).to_be_focused()


def test_the_focus_stays_on_the_same_button_of_several(page: Page) -> None:
    open_container(page, "acp-only")
    fragment = page.locator("[id^=actions-of-]")
    identity = fragment.get_attribute("id")
    fragment.evaluate(MARK)
    button = page.get_by_role("button", name="Probe", exact=True)
    button.focus()
    ask(page, "Probe", "is the focus kept?")
    page.wait_for_function(REPLACED, arg=identity)
    expect(page.locator("#actions .history")).to_contain_text("done")  # meanwhile the button was disabled
    expect(button).to_be_focused()


def test_what_was_opened_and_selected_stays_so(page: Page) -> None:
    open_container(page, "hostile")
    ask(page, "Probe", "first of two")
    history = page.locator("#actions .history")
    expect(history).to_contain_text("first of two")
    migrations = page.locator("[id^=migrations-of-]")
    migrations.locator("summary").first.click()
    history.locator(".history-why", has_text="first of two").select_text()
    for fragment in (migrations, page.locator("[id^=actions-of-]")):
        # As the socket would bring it, with nothing changed: the swap is what is tried.
        fragment.evaluate("""element => {
          element.isOld = true;
          const fresh = element.cloneNode(true);
          fresh.querySelectorAll("details").forEach(each => each.open = false);
          element.replaceWith(fresh);
        }""")
        page.wait_for_function(REPLACED, arg=fragment.get_attribute("id"))
    expect(migrations.locator("details").first).to_have_attribute("open", "")
    assert page.evaluate("getSelection().toString()").strip() == "“first of two”"


def test_the_focus_goes_to_the_neighbour_of_a_row_that_is_removed(page: Page) -> None:
    page.goto("/containers")
    # At once, for the socket may bring the same row anew between two steps.
    second = page.evaluate("""() => {
      const [first, second] = document.querySelectorAll("#container-list tbody tr");
      first.querySelector("a.name").focus();
      first.remove();
      return second.id;
    }""")
    expect(page.locator(f"#{second} a.name")).to_be_focused()


def test_a_click_reaches_a_button_that_is_replaced_under_the_pointer(page: Page) -> None:
    open_container(page, "plain")
    page.get_by_label("Reason for the action").fill("is the click kept?")
    page.locator("#act").evaluate(
        "form => form.addEventListener('submit', event => {"
        " event.preventDefault(); document.title = event.submitter.value })"
    )
    page.get_by_role("button", name="Probe", exact=True).hover()
    page.mouse.down()
    page.locator("[id^=actions-of-]").evaluate("element => element.replaceWith(element.cloneNode(true))")
    page.mouse.up()
    expect(page).to_have_title("probe")


def test_a_closed_dialog_takes_no_key(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("button", name="Close the list of keys")).to_be_focused()
    assert page.locator("#keys").evaluate(TAKES_KEYS_ONCE_CLOSED) == "BODY"
