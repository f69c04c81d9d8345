"""Lost connections: the way back on the same row, and what happens when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.agents import INITIALIZED, agent, result
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

LOST = "the connection broke without a close frame"


def test_a_dropped_connection_comes_back_on_the_same_row(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    before = store.connected("plain")
    fleet.order("plain", drop=True)
    after = eventually(lambda: store.connected("plain"), lambda row: row["reconnect_count"] == 1)
    assert (after["id"], after["error_count"]) == (before["id"], 1)
    assert after["connection_id"] != before["connection_id"]
    assert store.transitions("plain")[1:] == [
        ("connected", "error", LOST),
        ("error", "reconnecting", "trying to reconnect"),
        ("reconnecting", "connected", "the handshake succeeded"),
    ]
    (told,) = eventually(lambda: store.messages("plain", "message_type = 'disconnect'"))
    assert told["payload"] == {"code": 1006, "reason": LOST, "by": "network"}


def test_callers_stay_when_their_container_drops(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    caller.permission = None
    session = caller.new_session()
    open_prompt = caller.begin_prompt(session, "hello")
    caller.hear_of("session/request_permission")
    fleet.order("plain", drop=True)
    assert LOST in caller.answer(open_prompt)["error"]["message"]
    eventually(lambda: store.connected("plain"), lambda row: row["reconnect_count"] == 1)
    caller.permission = {"outcome": "selected", "optionId": "allow"}
    assert caller.prompt(caller.new_session(), "again")["result"]["stopReason"] == "end_turn"
    unanswered = store.messages("plain", "rpc_kind = 'unanswered' AND message_type <> 'status'")
    asked = {row["id"]: row["method"] for row in store.messages("plain", "rpc_kind = 'request'")}
    assert {asked[row["reply_to"]] for row in unanswered} == {"session/prompt", "session/request_permission"}
    assert all(LOST in row["error_message"] for row in unanswered)


def test_exhausted_attempts_fall_back_to_http(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"max_reconnect_attempts": 2})
    store.connected("plain", "acp")
    fleet.order("plain", refuse=True)
    fleet.order("plain", drop=True)
    store.connected("plain", "http")
    fallback = store.migrated("plain")
    assert (fallback["cause"], fallback["success"], fallback["to_protocol"]) == ("fallback", True, "http")
    assert fallback["reason"].startswith("fallback: gave up after 2 attempts: the agent refused")
    assert store.protocol("plain") == "http"


@pytest.mark.parametrize("attempts", [0, 2])
def test_without_fallback_the_session_stays_and_is_redialled(
    fleet: DemoFleet, store: Store, attempts: int
) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"max_reconnect_attempts": attempts})
    store.forbid_fallback("plain")
    first = store.connected("plain")
    fleet.order("plain", refuse=True)
    fleet.order("plain", drop=True)
    eventually(lambda: store.active("plain"), lambda row: row is None)
    assert store.protocol("plain") == "acp"
    assert store.transitions("plain")[-1][2].startswith(f"gave up after {attempts} attempts: ")
    fleet.order("plain", refuse=False)
    assert store.connected("plain")["id"] != first["id"]
    assert len(store.migrations("plain")) == 1


def test_a_lost_http_container_comes_back(fleet: DemoFleet, store: Store) -> None:
    store.register("http-only", fleet.endpoint("http-only"), protocols=("http",), prefer="http")
    row = store.connected("http-only")
    fleet.order("http-only", health="fail")
    eventually(lambda: store.active("http-only"), lambda row: row is None or row["status"] != "connected")
    fleet.order("http-only", health="ok")
    store.connected("http-only")
    assert store.transitions("http-only")[1][1:] == (
        "error",
        "the health check was answered with HTTP 503",
    )
    assert row["version"] == "0.3.1"


def test_an_agent_that_leaves_is_recorded_with_its_words(store: Store, call: Call) -> None:
    answers = {"initialize": result(INITIALIZED), "leave": lambda socket, _: socket.close(4000, "tired\x00")}
    with agent(answers) as url:
        store.register("leaver", url)
        assert "tired␀" in call("leaver").ask("leave")["error"]["message"]
        (told,) = eventually(lambda: store.messages("leaver", "message_type = 'disconnect'"))
        assert told["payload"] == {"code": 4000, "reason": "tired␀", "by": "peer"}
        assert told["direction"] == "inbound"
        assert eventually(lambda: store.transitions("leaver")[1:])[0] == ("connected", "error", "tired␀")


def test_an_agent_that_leaves_at_once_is_told_apart_from_our_own_close(store: Store) -> None:
    answers = {"initialize": result(INITIALIZED), "_console/ping": lambda socket, _: socket.close(4000, "no")}
    with agent(answers) as url:
        store.register("leaver", url)
        migration = store.migrated("leaver", 0)
        assert migration["error_message"] == "verification failed: _console/ping was not answered: no"
        (told,) = eventually(lambda: store.messages("leaver", "message_type = 'disconnect'"))
        assert told["payload"] == {"code": 4000, "reason": "no", "by": "peer"}
