"""Who may open a socket, and how each of them ends."""

from __future__ import annotations

import json
import uuid
from socket import socketpair
from typing import TYPE_CHECKING

import pytest
from simple_websocket import Server
from sqlalchemy import delete
from websockets.exceptions import InvalidStatus

from app.live import viewer as viewers
from app.live.news import Line, Records
from app.live.viewer import Viewer
from app.models.access import user_role
from app.queries import containers as stored
from app.services import containers
from tests.support.live import closed, hear
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from app.models import AcpConnection
    from tests.support.live import Open
    from tests.web.conftest import World


def test_another_sites_page_cannot_open_it(open_page: Open) -> None:
    for origin in ("http://evil.example", None):
        with pytest.raises(InvalidStatus) as refused:
            open_page("/live/containers", origin=origin)
        assert refused.value.response.status_code == 403


def test_compression_is_refused(open_page: Open) -> None:
    socket = open_page("/live/containers")
    assert socket.response is not None
    assert "Sec-WebSocket-Extensions" not in socket.response.headers


def test_no_more_viewers_than_allowed(
    app: Flask, open_page: Open, connection: AcpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["live"], "_most", 1)
    hear(open_page(f"/live/connections/{connection.id}"), "caught_up")
    assert closed(open_page("/live/containers")) == viewers.TOO_MANY.code


@pytest.mark.parametrize(
    "word", [42, {"after": "x"}, {"shows": ["x"]}, {"shows": [str(uuid.uuid4())] * 2 + ["1"]}]
)
def test_nonsense_ends_the_socket(open_page: Open, word: object) -> None:
    assert closed(open_page("/live/containers", word)) == viewers.CONFUSED.code


def test_what_is_not_there_is_told(open_page: Open) -> None:
    assert closed(open_page(f"/live/connections/{uuid.uuid4()}")) == viewers.GONE.code


def test_it_says_when_a_container_is_gone(world: World, open_page: Open, connection: AcpConnection) -> None:
    listed = open_page("/live/containers", {"shows": [str(connection.container_id)]})
    page = open_page(f"/live/containers/{connection.container_id}")
    hear(listed, "<tr")
    hear(page, "caught_up")
    container_id = connection.container_id
    containers.remove(world.session, stored.get(world.session, container_id), TEST, "old")
    world.session.commit()
    assert json.loads(hear(listed, "removed"))["removed"] == str(container_id)
    assert closed(page) == viewers.GONE.code


def test_a_lost_role_closes_the_socket_within_seconds(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    socket = open_page(f"/live/connections/{connection.id}")
    hear(socket, "caught_up")
    world.session.execute(delete(user_role))
    world.session.commit()
    assert closed(socket) == viewers.NOT_ALLOWED.code


def test_stopping_says_going_away(app: Flask, open_page: Open, connection: AcpConnection) -> None:
    socket = open_page(f"/live/connections/{connection.id}")
    hear(socket, "caught_up")
    app.extensions["live"].close_all()
    assert closed(socket) == 1001


def test_a_viewer_that_does_not_keep_up_is_cut() -> None:
    slow = Viewer("somebody")
    news = Records([Line(uuid.UUID(int=1), uuid.uuid4(), "<li>")])
    for _ in range(viewers.WAITING + 1):
        slow.offer(news)
    assert slow._goodbye == viewers.TOO_SLOW


def test_a_browser_that_leaves_at_the_same_moment_is_told_nothing() -> None:
    ours, browsers = socketpair()
    handshake = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_HOST": "localhost",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
    }
    with ours, browsers:
        server = Server.accept({**handshake, "werkzeug.socket": ours})
        assert browsers.recv(100).startswith(b"HTTP/1.1 101")
        browsers.close()
        server.thread.join()
        viewers.GONE.say(server)
        server.connected = True  # as it still is for a moment, until its thread has seen it
        viewers.GONE.say(server)
        server.connected = True  # and now it has been closed on our side, too
        viewers.GONE.say(server)
        assert server.sock.fileno() == -1
