from __future__ import annotations

import dataclasses
import json
import threading
from contextlib import contextmanager
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.server import serve

from app import prompting
from app.services import signed_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from websockets.sync.server import ServerConnection

    from tests.web.conftest import SignIn, World

    Script = Callable[[ServerConnection, dict[str, Any]], None]

WAIT = 10  # seconds; what is waited for takes milliseconds


@contextmanager
def gateway(script: Script) -> Iterator[tuple[str, Queue[Any]]]:
    """Serve a gateway that lets `script` answer each frame; yields its URL, and what it has heard."""
    heard: Queue[Any] = Queue()

    def handle(socket: ServerConnection) -> None:
        heard.put(socket.request)
        for text in socket:
            frame = json.loads(text)
            heard.put(frame)
            script(socket, frame)

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", heard
        finally:
            server.shutdown()
            thread.join()


def say(socket: ServerConnection, **frame: Any) -> None:
    socket.send(json.dumps({"jsonrpc": "2.0", **frame}))


def obliging(socket: ServerConnection, frame: dict[str, Any]) -> None:
    """Answer as an agent does that asks for permission, for a file, and says nonsense in between."""
    match frame.get("method"):
        case "initialize":
            say(socket, id=frame["id"], result={"protocolVersion": 1})
        case "session/new":
            socket.send("42")
            say(socket, id=frame["id"], result={"sessionId": "s1"})
        case "session/prompt":
            options = [{"optionId": "a", "kind": "allow_once"}, {"optionId": "r", "kind": "reject_once"}]
            say(socket, id="p", method="session/request_permission", params={"options": options})
            say(socket, id="f", method="fs/read_text_file", params={"path": "/etc/passwd"})


@pytest.fixture
def at(app: Flask) -> Callable[[str], None]:
    """Point the pages at a gateway."""

    def point(url: str) -> None:
        settings = app.extensions["settings"]
        app.extensions["settings"] = dataclasses.replace(settings, gateway_url=url)

    return point


def post(sign_in: SignIn, world: World, **data: str) -> str:
    container = world.container()
    path = f"/containers/{container.id}/prompts"
    return sign_in("operator").post(path, data=data, follow_redirects=True).text


@pytest.mark.parametrize(
    ("boxes", "outcome"),
    [({}, {"outcome": "cancelled"}), ({"allow_once": "y"}, {"outcome": "selected", "optionId": "a"})],
)
def test_it_is_sent_as_a_caller_does(
    app: Flask,
    sign_in: SignIn,
    world: World,
    at: Callable[[str], None],
    boxes: dict[str, str],
    outcome: object,
) -> None:
    with gateway(obliging) as (url, heard):
        at(url)
        assert "The prompt is sent" in post(sign_in, world, text="hello", **boxes)
        request = heard.get(timeout=WAIT)
        frames = [heard.get(timeout=WAIT) for _ in range(5)]
    token = request.headers["Authorization"].removeprefix("Bearer ")
    assert signed_caller.verify(app.config["SECRET_KEY"], token) == "operator@example.com"
    assert request.path.startswith("/acp/")
    assert [frame.get("method") for frame in frames[:3]] == ["initialize", "session/new", "session/prompt"]
    assert frames[1]["params"] == {"cwd": "/", "mcpServers": []}
    assert frames[2]["params"] == {"sessionId": "s1", "prompt": [{"type": "text", "text": "hello"}]}
    assert frames[3] == {"jsonrpc": "2.0", "id": "p", "result": {"outcome": outcome}}
    assert frames[4]["error"]["code"] == -32601


def test_a_gateway_that_is_away_is_told_at_once(
    sign_in: SignIn, world: World, at: Callable[[str], None]
) -> None:
    at("ws://127.0.0.1:1")
    assert "The gateway cannot be reached" in post(sign_in, world, text="hello")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"error": {"code": -32000, "message": "sign in <first>"}},
            "The agent answered: sign in &lt;first&gt;",
        ),
        ({"result": {}}, "not what ACP says"),
        ({"result": None}, "not what ACP says"),
        ({"error": "odd"}, "not what ACP says"),
    ],
)
def test_an_agent_that_opens_no_session(
    sign_in: SignIn, world: World, at: Callable[[str], None], answer: dict[str, Any], words: str
) -> None:
    def script(socket: ServerConnection, frame: dict[str, Any]) -> None:
        say(socket, id=frame["id"], **({"result": {}} if frame["method"] == "initialize" else answer))

    with gateway(script) as (url, _):
        at(url)
        assert words in post(sign_in, world, text="hello")


def test_an_agent_that_stays_silent(
    sign_in: SignIn, world: World, at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompting, "ANSWER_SECONDS", 0.2)
    with gateway(lambda *_: None) as (url, _):
        at(url)
        assert "has not opened a session in 0.2 s" in post(sign_in, world, text="hello")


def test_a_gateway_that_hangs_up(sign_in: SignIn, world: World, at: Callable[[str], None]) -> None:
    with gateway(lambda socket, _: socket.close(1013, "busy")) as (url, _):
        at(url)
        assert "The gateway closed the connection" in post(sign_in, world, text="hello")


def test_too_many_at_once(
    sign_in: SignIn, world: World, at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompting, "_free", threading.BoundedSemaphore(1))
    with gateway(obliging) as (url, _):
        at(url)
        path = f"/containers/{world.container().id}/prompts"
        operator = sign_in("operator")
        assert "is sent" in operator.post(path, data={"text": "one"}, follow_redirects=True).text
        assert "are under way" in operator.post(path, data={"text": "two"}, follow_redirects=True).text


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001, "\x00"])
def test_what_cannot_be_sent(sign_in: SignIn, world: World, at: Callable[[str], None], text: str) -> None:
    at("ws://127.0.0.1:1")
    assert "Prompt: " in post(sign_in, world, text=text)


def test_only_operators_may(sign_in: SignIn, world: World) -> None:
    path = f"/containers/{world.container().id}/prompts"
    assert sign_in("viewer").post(path, data={"text": "hello"}).status_code == 403
    assert sign_in("operator").get(path).status_code == 405
