"""Cookies are sent back for the life of a connection, over both protocols, and no longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.config import Settings
from app.gateway.address import find
from app.gateway.cookies import LARGEST, MOST, Cookies
from app.gateway.http_transport import open_http
from app.protocol.states import EncryptionLevel
from tests.support.agents import INITIALIZED, agent, result
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

    from tests.support.store import Store

URL = "https://agent.example/acp"


@pytest.mark.usefixtures("gateway")
def test_a_reconnect_brings_them_back_and_another_connection_does_not(store: Store) -> None:
    seen: list[str | None] = []
    sockets: list[ServerConnection] = []

    def opened(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(socket.request.headers.get("Cookie"))
        sockets.append(socket)

    with agent(
        {"initialize": result(INITIALIZED)}, {"Set-Cookie": "route=7; Path=/; HttpOnly"}, opened
    ) as url:
        store.register("plain", url, protocols=("acp",))
        first = store.connected("plain")
        sockets[0].close(1012)
        eventually(lambda: len(seen) == 2)
        assert store.connected("plain")["id"] == first["id"]
        store.configure(
            "plain", compression_enabled=False
        )  # ends the row; the next one is another connection
        eventually(lambda: len(seen) == 3)
    assert seen == [None, "route=7", None]


def test_http_brings_them_back_with_every_request() -> None:
    seen: list[str | None] = []

    def answer(socket: ServerConnection, asked: Request) -> Response:
        seen.append(asked.headers.get("Cookie"))
        response = socket.respond(200, "")
        response.headers["Set-Cookie"] = f"count={len(seen)}; Path=/"
        return response

    async def three_times(url: str) -> None:
        transport = await open_http(await find(url, EncryptionLevel.NONE, None, Settings()), "/acp")
        await transport.ping()
        await transport.ping()
        await transport.close("enough")

    with agent({}, process_request=answer) as url:
        asyncio.run(three_times(url))
    assert seen == [None, "count=1", "count=2"]


@pytest.mark.parametrize(
    ("set_cookie", "url", "sent"),
    [
        ("a=1", URL, {"Cookie": "a=1"}),
        ("a=1; Domain=agent.example; Secure", URL, {"Cookie": "a=1"}),
        ("a=1; Secure", "http://agent.example/acp", {}),
        ("a=1; Domain=other.example", URL, {}),
        ("a=1; Path=/other", URL, {}),
        ("a=1; Max-Age=0", URL, {}),
        ("a=\udcff", URL, {}),
        ("a=\u00e4", URL, {}),
        ("a=1\x0bX-Injected: 2", URL, {}),
        ("a=" + "x" * LARGEST, URL, {}),
        ("", URL, {}),
    ],
)
def test_only_what_may_be_is_kept(set_cookie: str, url: str, sent: dict[str, str]) -> None:
    cookies = Cookies()
    cookies.take(URL, [("set-cookie", set_cookie)])
    assert cookies.headers(url) == sent


def test_a_hostile_number_of_them_is_forgotten() -> None:
    cookies = Cookies()
    for number in range(MOST):
        cookies.take(URL, [("Set-Cookie", f"n{number}=1")])
    assert cookies.headers(URL)["Cookie"].count("=") == MOST
    cookies.take(URL, [("Set-Cookie", "one-more=1")])
    assert cookies.headers(URL) == {}
