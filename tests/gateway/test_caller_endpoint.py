"""Who may call, where, and what they are told otherwise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.demo.traffic import ask
from app.services import signed_caller

if TYPE_CHECKING:
    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store


def _refusal(url: str, authorization: str | None) -> tuple[int, str]:
    headers = {"Authorization": authorization} if authorization is not None else {}
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers):
        pytest.fail("a stranger was let in")
    response = refused.value.response
    assert (response.status_code == 401) == ("WWW-Authenticate" in response.headers)
    return response.status_code, response.body.decode()


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dGVzdGVyOng=", "Bearer console.x"]
)
def test_without_a_token_nobody_is_let_in(gateway: str, authorization: str | None) -> None:
    assert _refusal(f"{gateway}/plain", authorization) == (401, "Send Authorization: Bearer <token>.\n")


@pytest.mark.parametrize("token", [b"acp_\xff", b"console.\xff", b"gateway.\xc3\xa9", b"\xed\xa0\x80"])
def test_a_token_that_is_not_ascii_is_refused_like_any_other(gateway: str, token: bytes) -> None:
    url = gateway.replace("ws://", "http://")
    headers = {b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Version": b"13"}
    headers |= {b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==", b"Authorization": b"Bearer " + token}
    assert httpx.get(f"{url}/plain", headers=headers).status_code == 401


def test_a_container_that_is_not_there(gateway: str, store: Store) -> None:
    status, text = _refusal(f"{gateway}/nobody%20here", f"Bearer {store.token()}")
    assert status == 404
    assert "nobody here" in text


@pytest.mark.parametrize("name", ["a%00b", "%ff", "%ed%a0%80", "..%2f", "x" * 3000, ""])
def test_what_cannot_be_a_containers_name(gateway: str, store: Store, name: str) -> None:
    status, text = _refusal(f"{gateway}/{name}", f"Bearer {store.token()}")
    assert (status, "there is no container" in text) == (404, True)


def test_another_path(gateway: str, store: Store) -> None:
    status, text = _refusal(gateway.replace("/acp", "/elsewhere"), f"Bearer {store.token()}")
    assert (status, text) == (404, "Callers connect to /acp/<container id or name>.\n")


def test_a_container_that_was_never_dialled(gateway: str, store: Store) -> None:
    store.register("stopped", "http://127.0.0.1:9", status="stopped")
    status, text = _refusal(f"{gateway}/stopped", f"Bearer {store.token()}")
    assert (status, text) == (503, "The container has not been dialled yet.\n")


def test_a_container_is_found_by_id_and_by_name(
    fleet: DemoFleet, gateway: str, store: Store, call: Call
) -> None:
    container_id = store.register("plain", fleet.endpoint("plain"))
    assert call("plain").ask("initialize", protocolVersion=1)["result"]
    with connect(
        f"{gateway}/{container_id}", additional_headers={"Authorization": f"bearer {store.token('other')}"}
    ) as socket:
        assert socket.response is not None
        assert socket.response.headers["Acp-Connection-Id"]


def test_a_person_whom_the_pages_vouch_for(
    fleet: DemoFleet, gateway: str, settings: Settings, store: Store
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    word = signed_caller.sign(settings.require_secret_key(), "ann@example.org")
    with connect(f"{gateway}/plain", additional_headers={"Authorization": f"Bearer {word}"}) as socket:
        socket.send('{"jsonrpc":"2.0","id":1,"method":"_who"}')
        socket.recv(10)
    (asked,) = store.messages("plain", "method = '_who' AND rpc_kind = 'request'")
    assert asked["caller"] == "ann@example.org"


def test_health_and_metrics(fleet: DemoFleet, gateway: str, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    base = gateway.removesuffix("/acp").replace("ws://", "http://")
    assert httpx.get(f"{base}/healthz").text == "ok\n"
    assert httpx.get(f"{base}/metrics").status_code == 401
    text = httpx.get(f"{base}/metrics", headers={"Authorization": f"Bearer {store.token()}"}).text
    assert "\n# TYPE" in text


def test_the_official_sdk_as_a_caller(fleet: DemoFleet, gateway: str, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    assert asyncio.run(ask(f"{gateway}/plain", store.token(), "hello")) == "end_turn"
