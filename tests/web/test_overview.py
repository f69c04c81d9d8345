"""The overview, what changed since one looked, what is stuck, and the same on the command line."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app.extensions import db
from app.live.fragments import fragment
from app.models import AcpConnectionTransition, LastLook
from app.protocol.endings import Ending
from app.protocol.states import ConnectionStatus
from app.services import connections, containers, protocol_migrations
from app.services.connections import Closed
from tests.support.live import WAIT, hear
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from app.models import AcpConnection
    from tests.support.live import Open
    from tests.web.conftest import SignIn, World

NOW = dt.datetime.now(dt.UTC)
FRAGMENTS = ("stuck", "figures", "rates", "losses", "gateways", "rollouts", "migrations")


def lose(world: World, connection: AcpConnection, reason: str = Ending.BROKEN.told(why="")) -> None:
    connections.move(world.session, connection, ConnectionStatus.ERROR, reason, Closed("network", 1006))
    world.session.commit()


def long_ago(world: World) -> None:
    """Let what was lost have been lost two minutes ago."""
    world.session.execute(update(AcpConnectionTransition).values(at=NOW - dt.timedelta(minutes=2)))
    world.session.commit()


def test_it_is_where_one_lands(app: Flask, sign_in: SignIn) -> None:
    sign_in("viewer")
    given = {"email": "viewer@example.com", "password": "correct-horse-battery"}
    answer = app.test_client().post("/login", data=given)
    assert answer.headers["Location"] == "/"
    page = sign_in("viewer").get("/").text
    assert "<h1>Overview</h1>" in page
    assert 'class="brand" href="/"' in page
    assert re.findall(r'<a href="([^"]*)"[^>]*>(?:Overview|Containers)</a>', page)[:2] == ["/", "/containers"]
    assert re.search(r'<a href="/" [^>]*aria-current="page">Overview</a>', page)


def test_an_empty_fleet_is_calm(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/").text
    for words in ("Nothing is stuck", "of 0 connected", "not measured yet", "No gateway is running"):
        assert words in page
    assert "Nothing has changed." in page


def test_each_figure_is_a_link_to_its_list(sign_in: SignIn, world: World) -> None:
    one, two = world.connected(world.container("web-1")), world.connected(world.container("web-2"))
    connections.note(world.session, one, latency_ms=12.5)
    world.record(one, {}, error=True, error_message="timed out")
    lose(world, two)
    world.container("web-3")
    viewer = sign_in("viewer")
    page = viewer.get("/").text
    for link, words in (
        ("/containers?status=connected", "1"),
        ("/connections?status=connected", "12 ms"),
        ("/messages/?filter=status:error+since:1h", "1"),
        ("/connections?since=1h#ends", "1 connection lost"),
    ):
        assert f'<a href="{link}">{words}</a>' in page, link
        assert viewer.get(link).status_code == 200
    assert "never connected</span> <b>1</b>" in page
    for link in set(re.findall(r'href="(/(?!static|bootstrap)[^"]*)"', page)):
        assert viewer.get(link.replace("&amp;", "&")).status_code == 200, link


def test_what_is_stuck_stands_first(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container("web-1"))
    connections.note(world.session, connection, silent_since=(NOW - dt.timedelta(minutes=5)).isoformat())
    lose(world, world.connected(world.container("web-2")), "going <b>home</b>")
    long_ago(world)
    viewer = sign_in("viewer")
    page = viewer.get("/").text
    stuck = page.partition('id="overview-stuck"')[2].partition("</section>")[0]
    assert stuck.index("agent does not answer") < stuck.index("error: going &lt;b&gt;home&lt;/b&gt;")
    assert page.index('id="overview-stuck"') < page.index('id="overview-figures"')
    listed = viewer.get("/stuck?kind=agent").text
    assert 'class="name" href' in listed
    assert "web-2" not in listed
    assert "web-2" in viewer.get("/stuck?kind=nonsense").text


def test_what_changed_is_told_until_it_is_marked_as_seen(sign_in: SignIn, world: World) -> None:
    lose(world, world.connected(world.container("web-1")))
    containers.remove(world.session, world.container("web-2"), TEST, "old")
    protocol_migrations.request(world.session, world.container("web-3"), "acp", reason="r", actor=TEST)
    world.session.commit()
    viewer = sign_in("viewer")
    page = viewer.get("/").text
    for words in (
        "You have not marked anything as seen yet",
        "the connection broke without a close frame",
        "3</b> × container registered",
        "1</b> × container removed",
        "1</b> under way",
    ):
        assert words in page, words
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until is not None
    assert viewer.post("/changes/seen", data={"until": until[1]}).headers["Location"] == "/"
    page = viewer.get("/").text
    assert "Since you last looked" in page
    assert "Nothing has changed." in page
    assert "× container registered" in viewer.get("/?since=1h").text
    assert "× container registered" in sign_in("operator").get("/changes").text
    world.container("web-4")
    assert "1</b> × container registered" in viewer.get("/changes").text


@pytest.mark.parametrize("until", ["", "x", "%00"])
def test_a_broken_mark_is_told(sign_in: SignIn, world: World, until: str) -> None:
    answer = sign_in("viewer").post("/changes/seen", data={"until": until}, follow_redirects=True)
    assert "could not be noted" in answer.text
    assert world.session.query(LastLook).count() == 0


def test_marking_takes_a_post_with_its_token(app: Flask, sign_in: SignIn, world: World) -> None:
    viewer = sign_in("viewer")
    assert viewer.get("/changes/seen").status_code == 405
    app.config["WTF_CSRF_ENABLED"] = True
    assert viewer.post("/changes/seen", data={"until": NOW.isoformat()}).status_code == 400
    assert world.session.query(LastLook).count() == 0


@pytest.mark.parametrize("path", ["/?since=x", "/changes?since=9999999d9", "/containers?at=yesterday"])
def test_a_moment_that_is_none_is_a_clear_error(sign_in: SignIn, path: str) -> None:
    assert sign_in("viewer").get(path).status_code == 400


def test_the_socket_brings_the_same_bytes_and_what_is_new(
    sign_in: SignIn,
    world: World,
    open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.live.figures.Overview.every", 0.2)
    connection = world.connected(world.container())
    viewer = sign_in("viewer")
    page = viewer.get("/").text
    socket = open_page("/live/overview")
    said = {name: hear(socket, f'id="overview-{name}"') for name in FRAGMENTS}
    page += viewer.get("/").text  # plots go on with the minutes, one of which may have begun between
    assert [name for name, text in said.items() if text not in page] == []
    lose(world, connection)
    wanted = {"1 connection lost", "the connection broke"}
    while wanted:  # in any order: a reading may come between
        text = str(socket.recv(WAIT))
        wanted = {words for words in wanted if words not in text}
    long_ago(world)
    assert "not connected" in hear(socket, 'id="overview-stuck"')


def test_the_list_of_what_is_stuck_is_live(
    sign_in: SignIn, world: World, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.figures.Stuck.every", 0.2)
    lose(world, world.connected(world.container("web-2")))
    page = sign_in("viewer").get("/stuck?kind=connection").text
    assert 'ws-connect="/live/stuck?kind=connection"' in page
    socket = open_page("/live/stuck?kind=connection")
    shown = hear(socket, 'id="stuck-list"')
    assert shown in page
    assert "web-2" not in shown
    long_ago(world)
    assert "web-2" in hear(socket, 'id="stuck-list"')


def test_no_fragment_knows_its_viewer(app: Flask, world: World) -> None:
    world.connected(world.container())
    with app.test_request_context():
        for name in FRAGMENTS:
            assert fragment(f"overview_{name}").startswith(f'<section id="overview-{name}"')
        db.session.rollback()


def test_on_the_command_line(app: Flask, world: World) -> None:
    connection = world.connected(world.container("web-1"))
    lose(world, connection)
    long_ago(world)
    runner = app.test_cli_runner()
    told = json.loads(runner.invoke(args=["overview", "--json"]).stdout)
    assert told["stuck"]["counts"]["connection"] == 1
    assert told["stuck"]["oldest"][0]["container"] == "web-1"
    assert told["figures"]["counts"] == {"total": 1, "statuses": {"error": 1}, "protocols": {"http": 1}}
    assert (told["losses"][0]["kind"], told["held_by_nobody"]) == ("broken", 1)
    plain = runner.invoke(args=["overview"]).stdout
    assert "Stuck: 1" in plain
    assert "Connections lost in the last hour: 1" in plain
