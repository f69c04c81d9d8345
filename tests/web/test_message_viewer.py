"""The message viewer: a filter in the URL, pages to the end, files, and rows as they come."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

from app.queries import message_search
from app.web import exports

if TYPE_CHECKING:
    import pytest

    from tests.web.conftest import SignIn, World

HOSTILE = '=HYPERLINK("http://127.0.0.1")<script>'


def ids(page: str) -> list[str]:
    return re.findall(r'id="message-([0-9a-f-]{36})"', page)


def test_it_shows_the_fleet_the_newest_first(sign_in: SignIn, world: World) -> None:
    connections = [world.connected(world.container(name)) for name in ("web-1", "web-2")]
    made = [str(world.record(connections[n % 2], {"n": n}).id) for n in range(4)]
    page = sign_in("viewer").get("/messages/").text
    assert ids(page) == made[::-1]
    assert [page.count(f">{name}</a>") for name in ("web-1", "web-2")] == [2, 2]
    assert 'ws-connect="/live/messages"' in page


def test_a_filter_narrows_and_its_terms_can_be_taken_away(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    found = world.record(connection, {"text": HOSTILE}, method="a/b")
    world.record(connection, {"text": HOSTILE}, method="c/d")
    page = sign_in("viewer").get("/messages/?filter=method:a/*+HYPERLINK").text
    assert ids(page) == [str(found.id)]
    assert 'aria-label="Remove method:a/*"' in page
    assert 'href="/messages/?filter=HYPERLINK"' in page
    assert 'ws-connect="/live/messages?filter=method%3Aa/%2A%20HYPERLINK"' in page
    assert "<script>" not in page.partition("<body")[2]


def test_a_filter_that_is_none_is_explained_and_kept(sign_in: SignIn) -> None:
    answer = sign_in("viewer").get("/messages/?filter=typ:event")
    assert answer.status_code == 400
    assert "did you mean type:?" in answer.text
    assert 'value="typ:event"' in answer.text
    assert sign_in("viewer").get("/messages/older?filter=typ:event").status_code == 400


def test_older_ones_follow_to_the_end(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    made = [str(world.record(connection).id) for _ in range(120)]
    viewer = sign_in("viewer")
    page = viewer.get("/messages/?filter=dir:in").text
    seen = ids(page)
    while further := re.search(r'hx-get="([^"]+)"', page):
        page = viewer.get(further[1].replace("&amp;", "&")).text
        seen += ids(page)
    assert seen == made[::-1]


def test_it_says_how_far_it_has_looked(
    sign_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "WINDOW", 5)
    connection = world.connected(world.container())
    for _ in range(10):
        world.record(connection)
    page = sign_in("viewer").get("/messages/?filter=method:rare").text
    assert "No message matches so far" in page
    assert "Looked back to" in page


def test_an_ndjson_file_holds_everything(
    sign_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 3)
    connection = world.connected(world.container())
    made = [world.record(connection, {"text": "Grüße\n", "n": n}) for n in range(10)]
    answer = sign_in("viewer").get("/messages/export.ndjson?filter=dir:in")
    head, *rows = map(json.loads, answer.text.splitlines())
    assert head["filter"] == "dir:in"
    assert [row["id"] for row in rows] == [str(each.id) for each in reversed(made)]
    assert rows[-1]["payload"] == {"text": "Grüße\n", "n": 0}
    assert (rows[0]["container"], rows[0]["direction"]) == ("web-1", "inbound")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="messages.ndjson"'


def test_a_csv_file_holds_no_formula(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    world.record(connection, {"text": 'a "b", c'}, method=HOSTILE)
    answer = sign_in("viewer").get("/messages/export.csv")
    _, columns, row = csv.reader(io.StringIO(answer.text))
    assert tuple(columns) == exports.COLUMNS
    cells = dict(zip(columns, row, strict=True))
    assert cells["method"] == "'" + HOSTILE
    assert json.loads(cells["payload"]) == {"text": 'a "b", c'}
