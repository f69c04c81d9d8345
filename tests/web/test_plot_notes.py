"""Notes on plots: written by who may operate, shown on every plot of their moment, whatever they say."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.live.fragments import fragment
from app.models import AuditEvent, PlotNote
from app.services import plot_notes
from app.services.plot_notes import NoteValues
from tests.support.commands import as_json, assert_told, run
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskCliRunner

    from tests.web.conftest import SignIn, World

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
LINK = "https://tickets.example/4711?a='&b=2"


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def note(world: World, text: str = "release 4.2", minutes_ago: float = 5, **given: str) -> PlotNote:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
    made = plot_notes.add(world.session, NoteValues(at=at, text=text, **given), TEST)
    world.session.commit()
    return made


def form(**given: str) -> dict[str, str]:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    return {"at": f"{at:%Y-%m-%dT%H:%M:%S}", "kind": "deploy", "text": "release 4.2"} | given


def flags(page: str, plot: str) -> list[str]:
    """The numbers over a plot or a band."""
    return re.findall(
        r'class="note-number"[^>]*>([^<]+)<', page.partition(f'id="{plot}"')[2].partition("</figure>")[0]
    )


def test_a_note_is_added_shown_and_removed(sign_in: SignIn, world: World) -> None:
    world.container("web-7")
    operator = sign_in("operator")
    sent = form(link=LINK, container="web-7")
    answer = operator.post("/notes/", data=sent, follow_redirects=True)
    assert "The note is added." in answer.text
    made = world.session.scalars(select(PlotNote)).one()
    assert (made.text, made.kind, made.link, made.author) == (
        "release 4.2",
        "deploy",
        LINK,
        "operator@example.com",
    )
    assert f"{made.at:%Y-%m-%dT%H:%M:%S}" == sent["at"]
    assert f'/notes/{made.id}/remove"' in answer.text
    page = operator.get(f"/notes/{made.id}/remove").text
    assert "release 4.2" in page
    assert operator.post(f"/notes/{made.id}/remove", data={"reason": ""}).status_code == 422
    operator.post(f"/notes/{made.id}/remove", data={"reason": "wrong container"})
    assert world.session.scalar(select(PlotNote.id)) is None
    removed = world.session.scalars(select(AuditEvent).where(AuditEvent.action == "note removed")).one()
    assert (removed.actor, removed.reason) == ("operator@example.com", "wrong container")
    assert operator.get(f"/notes/{made.id}/remove").status_code == 404
    assert "note removed" in operator.get("/audit/").text


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"text": " "}, "required"),
        ({"text": "x" * 201}, "200"),
        ({"text": "turned \u202e around"}, "one line"),
        ({"kind": "release"}, "valid choice"),
        ({"at": ""}, "required"),
        ({"at": "2999-01-01T00:00"}, "in the future"),
        ({"at": "2001-01-01T00:00"}, "two years ago"),
        ({"link": "javascript:alert(1)"}, "must begin with http"),
        ({"link": "https://ann:secret@tickets.example/"}, "credential"),
        ({"container": "nobody"}, "no container"),
    ],
)
def test_what_is_refused_is_told_at_its_field(
    sign_in: SignIn, world: World, given: dict[str, str], problem: str
) -> None:
    answer = sign_in("operator").post("/notes/", data=form(**given))
    assert answer.status_code == 422
    told = re.findall(rf'id="note-{next(iter(given))}-hint">\s*<span class="problem">([^<]*)', answer.text)
    assert problem in told[0]
    assert world.session.scalar(select(PlotNote.id)) is None


def test_who_may_only_read_sees_them_and_no_form(sign_in: SignIn, world: World) -> None:
    made = note(world)
    viewer = sign_in("viewer")
    page = viewer.get("/notes/").text
    assert "release 4.2" in page
    assert 'id="add"' not in page
    assert "/remove" not in page
    assert viewer.post("/notes/", data=form()).status_code == 403
    assert viewer.post(f"/notes/{made.id}/remove", data={"reason": "x"}).status_code == 403
    assert world.session.scalar(select(PlotNote.id)) == made.id


def test_a_form_without_its_token_is_refused(app: Flask, sign_in: SignIn, world: World) -> None:
    operator = sign_in("operator")
    app.config["WTF_CSRF_ENABLED"] = True
    assert operator.post("/notes/", data=form()).status_code == 400
    assert world.session.scalar(select(PlotNote.id)) is None


def test_the_address_narrows_the_list_and_fills_the_form_in(sign_in: SignIn, world: World) -> None:
    world.container("web-7")
    note(world, "of the container", container="web-7")
    note(world, "of the fleet", kind="ticket")
    operator = sign_in("operator")
    page = operator.get("/notes/?container=web-7&at=2026-11-26T10:00").text
    assert "of the container" in page
    assert "of the fleet" not in page
    assert re.search(r'name="at"[^>]* value="2026-11-26T10:00:00"', page)
    assert re.search(r'name="container"[^>]* value="web-7"', page.partition('id="add"')[2])
    assert "notes add TEXT --kind=deploy --at=2026-11-26T10:00:00 --container=web-7" in unescape(page)
    assert "notes list --container=web-7" in page
    assert "of the container" not in operator.get("/notes/?kind=ticket&since=-1h").text
    assert "No note matches" in operator.get("/notes/?about=fleet&until=2020-01-01").text
    assert operator.get("/notes/?since=soon").status_code == 400
    assert operator.get("/notes/", query_string={"at": "0001-01-01T00:00+23:00"}).status_code == 200


def test_every_plot_of_the_moment_shows_it(sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    connection = world.connected(container)
    note(world, "at the fleet", minutes_ago=20, kind="deploy", link=LINK)
    note(world, "at web-7", minutes_ago=40, container="web-7")
    note(world, "long ago", minutes_ago=150)
    viewer = sign_in("viewer")
    overview = viewer.get("/").text
    for plot in ("plot-rate", "plot-errors", "plot-latency"):
        assert flags(overview, plot) == ["1"], plot
    assert flags(overview, "overview-losses") == ["2", "1"]
    assert 'id="note-2"' in overview
    assert ">1 note of containers</a>" in overview
    assert "at web-7" not in overview.partition('id="overview-changes"')[0]
    assert overview.count(". Notes: 1, deploy at ") == 4  # three plots and the bars
    assert '<span class="visually-hidden">note</span> 1</span></td>' in overview
    of_fleet = viewer.get("/statistics/?last=6h").text
    assert flags(of_fleet, "plot-errors") == ["2", "1"]
    its_own = viewer.get("/statistics/?last=1h&container=web-7").text
    assert flags(its_own, "plot-errors") == ["2", "1"]
    assert "of containers</a>" not in its_own
    assert 'href="/notes/?container=web-7#add"' in its_own
    for page in (f"/containers/{container.id}?range=6h", f"/connections/{connection.id}?range=6h"):
        band = viewer.get(page).text.partition('id="over-time"')[2]
        assert flags(band, f"band-6h-of-{page.split('/')[2].partition('?')[0]}") == ["3", "2", "1"], page
        assert 'id="band-note-3"' in band
        assert "Notes: 1, deploy at " in band
        assert 'rel="noopener noreferrer nofollow"' in band


def test_a_range_of_the_past_is_where_a_note_is_added(sign_in: SignIn) -> None:
    page = sign_in("operator").get("/statistics/?from=2026-01-01T10:00&to=2026-01-02T10:00").text
    assert 'href="/notes/?at=2026-01-02T00:00:00#add"' in page  # by days: the last of them


def test_more_than_a_page_shows_are_counted(sign_in: SignIn, world: World) -> None:
    for number in range(52):
        note(world, f"n{number}", minutes_ago=number + 1)
    page = sign_in("viewer").get("/statistics/").text
    assert "The latest 50 of 52 notes." in page
    assert 'id="note-50"' in page
    assert 'id="note-51"' not in page


def test_what_a_note_says_is_text_everywhere(app: Flask, sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    made = note(world, HOSTILE, link="https://x.example/'onclick='alert(1)", container="web-7")
    note(world, HOSTILE, minutes_ago=6)
    admin = sign_in("admin")
    pages = ["/", "/changes", "/statistics/", "/statistics/?container=web-7", f"/containers/{container.id}"]
    for page in (*pages, "/notes/", f"/notes/{made.id}/remove", "/audit/"):
        text = admin.get(page).text
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
        assert "onclick='" not in text, page
        assert "alert(1)" in text, page
    with app.test_request_context():
        live = str(fragment("overview_rates"))
    assert "<script>alert" not in live
    assert "alert(1)" in live


def test_a_shift_is_told_what_was_noted(sign_in: SignIn, world: World) -> None:
    note(world, "release 4.2", minutes_ago=90, kind="deploy")
    changes = sign_in("viewer").get("/changes?since=1h").text
    assert "Notes on plots" in changes
    assert "release 4.2" in changes


def test_on_the_command_line(runner: FlaskCliRunner, world: World) -> None:
    container = world.container("web-7")
    given = ("--kind", "deploy", "--at", "-15m", "--link", "https://ci.example/1", "--container", "web-7")
    added = as_json(runner, "notes", "add", "release 4.2", *given)
    assert (added["text"], added["kind"], added["container"]) == ("release 4.2", "deploy", "web-7")
    assert (added["link"], added["author"]) == ("https://ci.example/1", "command line")
    plain = run(runner, "notes", "add", "hm", "--at", f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M}").stdout
    assert "other   hm  (the whole fleet)" in plain
    assert [each["text"] for each in as_json(runner, "notes", "list")] == ["hm", "release 4.2"]
    assert as_json(runner, "notes", "list", "--container", "web-7", "--kind", "deploy") == [added]
    assert "release 4.2  (web-7)" in run(runner, "notes", "list", "--about", "containers").stdout
    assert as_json(runner, "notes", "remove", added["id"]) == {"removed": added["id"]}
    assert as_json(runner, "notes", "list", "--container", container.name) == []
    for refused, words in (
        (("notes", "add", "two\nlines"), "one line"),
        (("notes", "add", "x", "--link", "ftp://h/"), "must begin with http"),
        (("notes", "add", "x", "--at", "2999-01-01T00:00"), "in the future"),
        (("notes", "add", "x", "--at", "soon"), "at: a time"),
        (("notes", "add", "x", "--container", "nobody"), "no container"),
        (("notes", "remove", added["id"]), "no note"),
        (("notes", "remove", "7"), "not the id"),
    ):
        assert_told(runner.invoke(args=refused), words)
