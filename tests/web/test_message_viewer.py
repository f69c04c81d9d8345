"""The message viewer: a filter in the URL, pages to the end, files, and rows as they come."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.models import new_id
from app.models.base import first_id_at
from app.queries import message_search
from app.queries.message_filter import parse
from app.queries.moments import moment
from app.web import exports

if TYPE_CHECKING:
    import pytest
    from flask import Flask

    from app.models import AcpConnection, AcpMessage
    from tests.web.conftest import SignIn, World

HOSTILE = '=HYPERLINK("http://127.0.0.1")<script>'


def ids(page: str) -> list[str]:
    return re.findall(r'id="message-([0-9a-f-]{36})"', page)


def test_it_shows_the_fleet_the_newest_below(sign_in: SignIn, world: World) -> None:
    connections = [world.connected(world.container(name)) for name in ("web-1", "web-2")]
    made = [str(world.record(connections[n % 2], {"n": n}).id) for n in range(4)]
    page = sign_in("viewer").get("/messages/").text
    assert ids(page) == made
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
    while further := re.search(r'hx-get="(/messages/older[^"]+)"', page):
        page = viewer.get(further[1].replace("&amp;", "&")).text
        seen = ids(page) + seen
    assert seen == made


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


def chunk(world: World, connection: AcpConnection, said: str, session: str = "s") -> AcpMessage:
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": said}}
    return world.record(connection, {"params": {"update": update}}, acp_session_id=session)


def test_chunks_of_a_text_are_one_row_that_opens(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    made = [chunk(world, connection, text).id for text in ("<b>Hel", "lo ", "there")]
    made.append(chunk(world, connection, "other", "t").id)
    for path in ("/messages/", f"/connections/{connection.id}"):
        page = sign_in("viewer").get(path).text
        assert ids(page) == [str(each) for each in made]
        (run,) = re.findall(
            r'<li class="run.*?</summary>',
            page.split("<template")[0] + page.split("</template>")[-1],
            re.DOTALL,
        )
        assert '<span class="run-count">3</span>' in run
        assert "&lt;b&gt;Hello there</span>" in run


def test_a_time_is_jumped_to(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    made = [world.record(connection, {"n": n}, id=first_id_at(moment(f"2026-01-0{n + 1}"))) for n in range(5)]
    viewer = sign_in("viewer")
    page = viewer.get("/messages/?at=2026-01-03T12:00").text
    assert ids(page) == [str(each.id) for each in made]
    below = page.partition('class="at-mark"')[2]
    assert ids(below) == [str(made[3].id), str(made[4].id)]
    assert "ws-connect" not in page
    of_one = viewer.get(f"/messages/?at={made[1].id}&filter=size:>0").text.partition('class="at-mark"')
    assert [ids(part)[:1] for part in (of_one[0], of_one[2])] == [[str(made[0].id)], [str(made[1].id)]]
    assert viewer.get("/messages/?at=soon").status_code == 400


def test_what_excludes_everything_is_told(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    world.record(connection, {}, method="a/b")
    viewer = sign_in("viewer")
    page = viewer.get("/messages/?filter=method:a/b+type:status").text
    assert (
        'There are some without <a class="mono" href="/messages/?filter=method:a/b">type:status</a>.' in page
    )
    assert "No single term excludes them" in viewer.get("/messages/?filter=type:status+dir:out").text
    assert "none has ever been recorded" not in page


def test_two_messages_are_compared(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    one, other = (world.record(connection, {"text": text, "same": 1}) for text in ("<b>1", "2"))
    viewer = sign_in("viewer")
    assert f"/messages/compare?a={one.id}&amp;b={other.id}" in viewer.get(f"/messages/{other.id}").text
    page = viewer.get(f"/messages/compare?a={one.id}&b={other.id}").text
    assert "1 differences, 1 values the same" in page
    assert "<del>&#34;&lt;b&gt;1&#34;</del>" in page
    assert viewer.get(f"/messages/compare?a={one.id}&b={new_id()}").status_code == 404
    assert viewer.get(f"/messages/compare?a={one.id}&b=x").status_code == 400


def test_more_around_a_message_can_be_asked_for(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    made = [world.record(connection, {"n": n}).id for n in range(21)]
    viewer = sign_in("viewer")
    for around, linked in ((None, 7), (5, 11), (1000, 21), (-1, 3)):
        page = viewer.get(f"/messages/{made[10]}" + (f"?around={around}" if around else "")).text
        section = page.partition('id="message-around"')[2].partition("</section>")[0]
        assert section.count("<li") == linked


def test_a_relative_time_stands_still_in_a_file(sign_in: SignIn, world: World) -> None:
    world.record(world.connected(world.container()), {})
    head = json.loads(sign_in("viewer").get("/messages/export.ndjson?filter=after:-15m").text.splitlines()[0])
    assert re.fullmatch(r"after:20\d\d-\d\d-\d\dT[\d:.]+Z", head["filter"])


def test_a_long_file_needs_no_more_memory_than_a_short_one(app: Flask, world: World) -> None:
    connection = world.connected(world.container())
    many = 10_000
    insert = text(
        "INSERT INTO acp_message (id, connection_id, direction, message_type, size, payload)"
        " SELECT (lpad(to_hex(1760000000000 + n), 12, '0') || '70008000000000000000')::uuid,"
        " :connection, 'inbound', 'event', 1, jsonb_build_object('text', repeat('x', 1500), 'n', n)"
        " FROM generate_series(1, :many) n"
    )
    world.session.execute(insert, {"connection": connection.id, "many": many})
    world.session.commit()
    with app.test_request_context():
        peaks = []
        for terms in ("size:1 before:2025-10-09T08:53:21Z", "size:1"):
            tracemalloc.start()
            lines = sum(part.count("\n") for part in exports.stream("ndjson", parse(terms), None))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert lines == many + 1
        assert peaks[1] < 2 * max(peaks[0], 5_000_000)


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
