"""Callers of a container that is on HTTP speak plain ACP all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from app.demo.fleet import FLEET
from tests.support.agents import http_agent
from tests.support.demo import DemoFleet, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.callers import Call
    from tests.support.store import Store


@pytest.fixture
def fleet() -> Iterator[DemoFleet]:
    """A container whose prompts take four seconds, unless they are cancelled."""
    behaviour = replace(FLEET["streamer"], protocols=("http",), ticks_every=None, pace=0.1)
    with serving([behaviour, FLEET["http-only"]]) as url, httpx.Client(base_url=url) as client:
        yield DemoFleet(url, client)


def _registered(fleet: DemoFleet, store: Store, name: str) -> str:
    store.register(name, fleet.endpoint(name), protocols=("http",), prefer="http")
    return name


def test_a_prompt_is_answered_from_the_body(fleet: DemoFleet, store: Store, call: Call) -> None:
    caller = call(_registered(fleet, store, "http-only"))
    assert caller.ask("initialize", protocolVersion=1)["result"]["protocolVersion"] == 1
    answer = caller.prompt(caller.new_session(), "hello")["result"]
    assert answer["stopReason"] == "end_turn"
    assert answer["content"][0]["text"] == "echo: hello"
    asked, answered = store.messages("http-only", "message_type = 'message'")
    assert (asked["direction"], answered["direction"]) == ("outbound", "inbound")
    assert answered["reply_to"] == asked["id"]


def test_a_cancelled_prompt_is_cancelled_there(fleet: DemoFleet, store: Store, call: Call) -> None:
    caller = call(_registered(fleet, store, "streamer"))
    session = caller.new_session()
    prompt = caller.begin_prompt(session, "hello")
    eventually(lambda: fleet.state("streamer")["prompts"])
    caller.send(method="session/cancel", params={"sessionId": session})
    assert caller.answer(prompt)["result"]["stopReason"] == "cancelled"
    (cancel,) = store.messages("streamer", "method = 'cancel' AND rpc_kind = 'request'")
    assert cancel["payload"]["params"] == {"sessionId": session}


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (500, "the container answered with HTTP 500"),
        (200, "the container answered with HTTP 200"),  # and with an empty body
        (None, "the POST failed: Server disconnected without sending a response."),
    ],
)
def test_a_post_that_is_not_answered_is_told_to_its_caller(
    store: Store, call: Call, outcome: int | None, told: str
) -> None:
    with http_agent(outcome) as url:
        store.register("odd", url, protocols=("http",), prefer="http")
        answer = call("odd").ask("session/new", cwd="/", mcpServers=[])
        assert answer["error"] == {"code": -32603, "message": told}
        (unanswered,) = eventually(lambda: store.messages("odd", "rpc_kind = 'unanswered'"))
        assert (unanswered["method"], unanswered["error_message"]) == ("session/new", told)
        assert store.connected("odd")["reconnect_count"] == 0


def test_what_is_open_when_the_health_check_fails_is_told_to_its_caller(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    caller = call(_registered(fleet, store, "streamer"))
    prompt = caller.begin_prompt(caller.new_session(), "hello")
    eventually(lambda: fleet.state("streamer")["prompts"])
    fleet.order("streamer", health="fail")
    assert "HTTP 503" in caller.answer(prompt)["error"]["message"]
    (unanswered,) = store.messages("streamer", "rpc_kind = 'unanswered'")
    assert unanswered["method"] == "session/prompt"
