"""The demo containers over the old protocol, as wire.md describes it under "HTTP, the old protocol"."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.scripts import STREAMED_CHUNKS
from app.demo.server import serve
from app.protocol.states import Protocol
from tests.support.demo import serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from urllib.parse import SplitResult

    from tests.support.demo import DemoFleet, Talk

    Call = Callable[..., dict[str, Any]]

ON_HTTP = [name for name, behaviour in FLEET.items() if Protocol.HTTP in behaviour.protocols]


@pytest.fixture
def call(fleet: DemoFleet) -> Call:
    """Send one JSON-RPC request; without an id it is a notification."""

    def send(name: str, method: str, params: dict[str, Any] | None = None, **extra: Any) -> Any:
        frame = {"jsonrpc": "2.0", "method": method, "params": params or {}, **extra}
        response = fleet.client.post(f"/{name}/acp", json=frame, timeout=10)
        assert response.status_code == 200
        return response.json()

    return send


def new_session(call: Call, name: str) -> str:
    answer = call(name, "session/new", {"cwd": "/workspace", "mcpServers": []}, id=1)
    return answer["result"]["sessionId"]


def prompt(call: Call, name: str, session: str, text: str, **extra: Any) -> Any:
    blocks = [{"type": "text", "text": text}]
    return call(name, "session/prompt", {"sessionId": session, "prompt": blocks}, **extra)


@pytest.mark.parametrize("name", ON_HTTP)
def test_it_speaks_version_0_3_1(call: Call, name: str) -> None:
    answer = call(name, "initialize", {"protocolVersion": "0.3.1"}, id=7)
    assert answer["id"] == 7
    assert answer["result"]["protocolVersion"] == "0.3.1"


@pytest.mark.parametrize("version", ["0.3.0", "0.3.17"])
def test_it_takes_any_0_3(call: Call, version: Any) -> None:
    assert call("plain", "initialize", {"protocolVersion": version}, id=1)["result"]


@pytest.mark.parametrize("version", [1, 0, None, "1", "0.4.0", "0.3", "0.3.x", ["0.3.1"], True])
def test_any_other_version_is_an_internal_error(call: Call, version: Any) -> None:
    answer = call("plain", "initialize", {"protocolVersion": version}, id=1)
    assert answer["error"]["code"] == -32603


def test_it_reads_credentials_from_the_params_and_repeats_only_their_names(call: Call) -> None:
    params = {"protocolVersion": "0.3.1", "anthropicApiKey": "key-value", "githubToken": "token-value"}
    answer = call("plain", "initialize", params, id=1)
    assert answer["result"]["_meta"] == {"credentials": ["anthropicApiKey", "githubToken"]}
    assert "value" not in str(answer)


def test_a_prompts_text_comes_in_the_body(call: Call) -> None:
    answer = prompt(call, "plain", new_session(call, "plain"), "Grüße", id="p-1")
    assert answer["id"] == "p-1"
    assert answer["result"] == {
        "stopReason": "end_turn",
        "content": [{"type": "text", "text": "echo: Grüße"}],
    }


def test_notifications_are_answered_too(call: Call) -> None:
    answer = prompt(call, "plain", new_session(call, "plain"), "quietly")
    assert answer["id"] is None
    assert answer["result"]["stopReason"] == "end_turn"


def test_cancel_ends_a_prompt_that_runs(call: Call, fleet: DemoFleet) -> None:
    session = new_session(call, "streamer")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(prompt, call, "streamer", session, "count", id=2)
        while not fleet.state("streamer")["prompts"]:
            assert not running.done()
        busy = prompt(call, "streamer", session, "meanwhile", id=3)
        assert call("streamer", "cancel", {"sessionId": session}, id=4)["result"] == {}
        result = running.result()["result"]
    assert busy["error"]["code"] == -32600
    assert result["stopReason"] == "cancelled"
    assert f"{STREAMED_CHUNKS}/{STREAMED_CHUNKS}" not in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("foo/bar", {}, -32601),
        ("session/cancel", {"sessionId": "s"}, -32601),
        ("session/new", {}, -32602),
        ("cancel", {"sessionId": "nobody"}, -32002),
    ],
)
def test_errors_come_with_status_200(call: Call, method: str, params: dict[str, Any], code: int) -> None:
    assert call("plain", method, params, id=1)["error"]["code"] == code


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, -32700),
        ("", 400, -32700),
        (b"\xff\xfe", 400, -32700),
        ("42", 200, -32600),
        ("[]", 200, -32600),
    ],
)
def test_what_is_not_a_request_is_refused(
    fleet: DemoFleet, body: str | bytes, status: int, code: int
) -> None:
    response = fleet.client.post("/plain/acp", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_health(fleet: DemoFleet) -> None:
    assert fleet.client.get("/plain/health").status_code == 200


def test_the_slow_ones_health_takes_two_seconds(fleet: DemoFleet) -> None:
    began = time.monotonic()
    assert fleet.client.get("/slow/health").status_code == 200
    assert time.monotonic() - began >= FLEET["slow"].health_delay


@pytest.mark.parametrize("path", ["/acp-only/health", "/nobody/health", "/plain/other", "/", "/plain"])
def test_nothing_is_served_where_nothing_is(fleet: DemoFleet, path: str) -> None:
    assert fleet.client.get(path).status_code == 404


def test_sessions_are_shared_with_acp(fleet: DemoFleet, call: Call, talk: Talk) -> None:
    """A caller's session must survive its container's move from one protocol to the other."""
    session = new_session(call, "http-first")

    async def scenario() -> Any:
        async with talk(fleet.acp("http-first")) as conversation:
            await conversation.initialize()
            return await conversation.prompt(session, "hello")

    assert asyncio.run(scenario())["result"] == {"stopReason": "end_turn"}


def test_it_is_served_over_tls(tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    async def health() -> dict[str, Any]:
        async with (
            serve(Bind("127.0.0.1", 0), [FLEET["plain"]], pem) as url,
            httpx.AsyncClient(verify=trust, trust_env=False) as client,
        ):
            return dict((await client.get(f"{url}/plain/health")).json())

    assert asyncio.run(health()) == {"status": "ok"}


@pytest.mark.parametrize("_round", range(3))
def test_no_connection_outlives_a_fleet_that_stops(_round: int) -> None:
    """Not even one that is accepted at that moment; there is one in most of the rounds."""
    dialled: list[socket.socket] = []
    with serving([FLEET["plain"]]) as url:
        caller = threading.Thread(target=dial, args=(urlsplit(url), dialled))
        caller.start()
        eventually(lambda: len(dialled), lambda count: count > 50)
    caller.join()
    for each in dialled:
        with each, suppress(ConnectionResetError):  # what had not been accepted yet
            each.settimeout(5)
            assert each.recv(1) == b""


def dial(url: SplitResult, dialled: list[socket.socket]) -> None:
    """Connect again and again until nobody listens any more."""
    with suppress(OSError):
        while True:
            dialled.append(socket.create_connection((url.hostname, url.port)))
            time.sleep(0.0005)  # some hundreds while it stops, not all the files that a process may open
