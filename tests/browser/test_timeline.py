"""The live message viewer in a real browser: held back, cut off and flooded, it misses nothing."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.sync_api import expect

from app.models import new_id
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, WebSocketRoute

    from tests.browser.product import Product

PATIENCE = 30_000  # ms
FLOOD = 2_000  # messages a second, for FLOOD_SECONDS
FLOOD_SECONDS = 4
CLICK_MS = 100
WATCH = """
    window.came = []; window.passed = 0;
    const take = (node) => {
        if (node.nodeType !== 1) return;
        if (node.matches(".message")) window.came.push(node.id.slice(8));
        else if (node.matches(".skipped")) window.passed += Number(node.textContent.replace(/\\D/g, ""));
    };
    new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach(take)))
        .observe(document.getElementById("timeline-rows"), { childList: true, subtree: true });
"""
PLACE = "document.getElementById('timeline-log').scrollTop"
EDGES = """row => {
    const text = document.createRange();
    text.selectNodeContents(row.querySelector("time"));
    const way = row.querySelector(".direction");
    return [text.getBoundingClientRect().right, way.getBoundingClientRect().left];
}"""
"""Where a row's time ends, and what stands beside it begins."""
NOTE_SCROLLED = """
    const log = document.getElementById("timeline-log");
    window.scrolled = new Promise((end) => log.addEventListener("scrollend", () => end(), { once: true }));
    null
"""
CLICKS = """
    window.waits = [];
    document.addEventListener("click", ({ timeStamp }) =>
        requestAnimationFrame(() => window.waits.push(performance.now() - timeStamp)), { capture: true });
"""

expect.set_options(timeout=PATIENCE)


class Writer:
    """Records messages as a gateway would, on a connection of its own, and rings for them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._database = connection
        (self._container,) = self._one("SELECT id FROM container WHERE name = 'http-only'")
        (self._connection,) = self._one(
            "INSERT INTO acp_connection (id, connection_id, container_id, status, version)"
            " VALUES (%s, gen_random_uuid()::text, %s, 'disconnected', '1.0.0') RETURNING id",
            new_id(),
            self._container,
        )
        self.written: list[str] = []

    def write(self, count: int, method: str, payload: str = "{}") -> None:
        ids = [new_id() for _ in range(count)]
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO acp_message (id, connection_id, direction, message_type, method, rpc_kind, size,"
                " payload, acp_session_id) SELECT id, %s, 'inbound', 'event', %s, 'notification', 9, %s, 's'"
                " FROM unnest(%s::uuid[]) AS id",
                [self._connection, method, payload, ids],
            )
            self._database.execute(
                "SELECT pg_notify('console_facts', %s)", [f"messages {self._container} {self._connection}"]
            )
        self.written += map(str, ids)

    def _one(self, query: str, *values: object) -> Any:
        return self._database.execute(query.encode(), values).fetchone()


@pytest.fixture
def writer(product: Product) -> Iterator[Writer]:
    url = f"postgresql:///console?host={product.data / 'postgres'}&user=postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        yield Writer(connection)


def watch(page: Page, filter_: str) -> None:
    page.goto(f"/messages/?filter={filter_}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate(WATCH)


def came(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.came")
    return found


def shown(page: Page) -> list[str]:
    ids: list[str] = page.locator("#timeline-rows li.message").evaluate_all(
        "rows => rows.map(row => row.id.slice(8))"
    )
    return ids


def test_space_holds_it_back_and_nothing_is_missed(page: Page, writer: Writer) -> None:
    watch(page, "method:test/held")
    page.keyboard.press("Space")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    for _ in range(3):
        writer.write(104, "test/held")
    expect(page.locator("#timeline-new")).to_have_text("312 new ↓")
    assert came(page) == []
    page.keyboard.press("Space")
    expect(page.locator("#timeline-news")).to_have_text("caught up 312, missed 0")
    expect(page.locator("#timeline-new")).to_be_hidden()
    assert shown(page) == writer.written


def test_scrolling_away_holds_it_back_and_the_button_leads_back(page: Page, writer: Writer) -> None:
    writer.write(50, "test/scrolled")
    watch(page, "method:test/scrolled")
    newest = page.locator("#timeline-rows li.message").last
    expect(newest).to_be_in_viewport()
    newest.hover()
    page.evaluate(NOTE_SCROLLED)
    page.mouse.wheel(0, -700)
    page.evaluate("window.scrolled")  # a wheel's turn is drawn in many steps
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    expect(newest).not_to_be_in_viewport()
    before = page.evaluate(PLACE)
    writer.write(7, "test/scrolled")
    expect(page.locator("#timeline-new")).to_have_text("7 new ↓")
    assert page.evaluate(PLACE) == before
    page.locator("#timeline-new").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(newest).to_be_in_viewport()
    expect(page.locator("#timeline-news")).to_have_text("caught up 7, missed 0")
    assert shown(page) == writer.written


def test_older_ones_are_put_above_and_nothing_jumps(page: Page, writer: Writer) -> None:
    writer.write(120, "test/older")
    page.goto("/messages/?filter=method:test/older")
    rows = page.locator("#timeline-rows li.message")
    older = page.get_by_role("link", name="Older messages")
    expect(rows.last).to_be_in_viewport()
    for many in (100, 120):
        older.scroll_into_view_if_needed()
        seen = page.locator(f"#{rows.nth(3).get_attribute('id')}")
        before = seen.bounding_box()
        older.click()
        expect(rows).to_have_count(many)
        assert seen.bounding_box() == before
    expect(older).to_have_count(0)
    assert shown(page) == writer.written


def test_a_time_that_is_jumped_to_is_in_sight_between_earlier_and_later_ones(
    page: Page, writer: Writer
) -> None:
    writer.write(60, "test/at")
    page.goto(f"/messages/?filter=method:test/at&at={writer.written[30]}")
    expect(page.locator(".at-mark")).to_be_in_viewport(ratio=1)
    for number in (29, 30):
        expect(page.locator(f"#message-{writer.written[number]}")).to_be_in_viewport()


@pytest.mark.parametrize("days", [0, 2, 400])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_time_of_any_day_has_its_room(page: Page, writer: Writer, days: int, width: int) -> None:
    writer.write(1, "test/days")
    page.clock.set_fixed_time(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/messages/?filter=method:test/days")
    row = page.locator("#timeline-rows li.message").last
    expect(row.locator("time")).to_have_text(
        re.compile(r"^\d\d:" if days == 0 else r"^\w+ \d+(, \d+)? \d\d:")
    )
    ends, begins = row.evaluate(EDGES)
    assert ends < begins


def test_a_lost_socket_is_caught_up(page: Page, writer: Writer) -> None:
    sockets: list[WebSocketRoute] = []
    away = threading.Event()

    def pass_on(route: WebSocketRoute) -> None:
        sockets.append(route)
        if away.is_set():
            route.close(code=4000)
        else:
            route.connect_to_server()

    page.route_web_socket(re.compile("/live/messages"), pass_on)
    watch(page, "method:test/lost")
    writer.write(3, "test/lost")
    expect(page.locator("#timeline-rows li.message")).to_have_count(3)
    away.set()
    sockets[-1].close(code=4000)
    writer.write(20, "test/lost")
    expect(page.locator("#live-words")).to_have_text(re.compile(r"attempt [2-9]"))
    page.get_by_role("button", name="Retry now").wait_for()
    away.clear()
    expect(page.locator("#timeline-news")).to_have_text("caught up 20, missed 0")
    writer.write(2, "test/lost")
    expect(page.locator("#timeline-rows li.message")).to_have_count(25)
    assert shown(page) == writer.written
    assert sorted(came(page)) == sorted(writer.written)


def test_a_flood_leaves_the_page_answering_and_is_counted_to_the_last(page: Page, writer: Writer) -> None:
    watch(page, "method:test/flood")
    page.evaluate(CLICKS)
    for _ in range(20):
        page.locator("h1").click()
    calm = _slow(page)  # on a machine that others keep busy, a click waits without any flood
    flood = threading.Thread(target=_flood, args=(writer,))
    flood.start()
    clicks = 0
    while flood.is_alive():
        page.locator("h1").click()
        clicks += 1
    flood.join()

    def all_came() -> bool:
        return len(set(came(page))) + int(page.evaluate("window.passed")) == len(writer.written)

    eventually(all_came, patience=30)
    ids = came(page)
    assert len(ids) == len(set(ids))
    assert set(ids) <= set(writer.written)
    assert len(shown(page)) <= 500
    expect(page.locator("#timeline-rows li.message").last).to_be_in_viewport()
    assert clicks > 5
    assert _slow(page) <= CLICK_MS + calm
    link = page.locator("#timeline-rows .skipped a").first
    assert "/messages/?filter=method:test/flood&before=" in str(link.get_attribute("href"))


def _slow(page: Page) -> float:
    """Return how long the slowest but 5 % of the clicks waited for a frame, in ms, and forget them."""
    waits: list[float] = page.evaluate("window.waits.splice(0).sort((one, other) => one - other)")
    return waits[int(len(waits) * 0.95)]


def _flood(writer: Writer) -> None:
    began, beat = time.monotonic(), 0
    while (now := time.monotonic()) < began + FLOOD_SECONDS:
        if now >= began + beat / 10:
            beat += 1
            writer.write(FLOOD // 10, "test/flood")
        else:
            time.sleep(began + beat / 10 - now)  # until the next tenth of a second of the load


def test_chunks_grow_into_one_row_and_the_focus_stays(page: Page, writer: Writer) -> None:
    watch(page, "method:session/update session:s")
    for text in ("Hel", "lo ", "there"):
        update = (
            f'{{"sessionUpdate": "agent_message_chunk", "content": {{"type": "text", "text": "{text}"}}}}'
        )
        writer.write(1, "session/update", f'{{"params": {{"update": {update}}}}}')
        expect(page.locator("#timeline-rows li.message")).to_have_count(len(writer.written))
        if len(writer.written) == 1:
            page.keyboard.press("ArrowDown")
            expect(page.locator("#timeline-rows a.what")).to_be_focused()
    run = page.locator("#timeline-rows > li.run")
    expect(run).to_have_count(1)
    expect(run.locator(".run-text")).to_have_text("Hello there")
    expect(run.locator(".run-count")).to_have_text("3")
    run.locator("summary").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    assert shown(page) == writer.written


def test_the_arrows_begin_at_the_newest_row(page: Page, writer: Writer) -> None:
    watch(page, "method:arrow")
    writer.write(3, "arrow")
    links = page.locator("#timeline-rows a.what")
    expect(links).to_have_count(3)
    page.keyboard.press("ArrowDown")
    expect(links.last).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(links.nth(1)).to_be_focused()


def test_a_message_is_opened_and_copied_by_keys(page: Page, writer: Writer) -> None:
    writer.write(2, "test/keys", '{"params": {"list": [{"name": "needle"}]}}')
    watch(page, "method:test/keys")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(writer.written[0]))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("needle", exact=True).first.click()
    page.get_by_role("button", name="Copy path").click()
    expect(page.locator("#copied")).to_have_text("path copied")
    assert page.evaluate("navigator.clipboard.readText()") == "params.list[0].name"
    page.get_by_role("button", name="Copy value").click()
    expect(page.locator("#copied")).to_have_text("value copied")
    assert page.evaluate("navigator.clipboard.readText()") == "needle"
