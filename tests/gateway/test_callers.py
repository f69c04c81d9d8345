"""Many callers over one connection: each gets what is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store


@pytest.fixture(autouse=True)
def _plain(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))


@pytest.mark.parametrize("offered", [1, 99])
def test_initialize_is_answered_from_what_was_negotiated(
    fleet: DemoFleet, store: Store, call: Call, offered: int
) -> None:
    answer = call("plain").ask("initialize", protocolVersion=offered, clientCapabilities={})["result"]
    assert answer["protocolVersion"] == 1
    assert answer["agentInfo"]["name"] == "demo-plain"
    assert fleet.state("plain")["dials"] == 1
    asked, answered = store.messages("plain", "local")
    assert (asked["direction"], asked["message_type"], asked["caller"]) == ("outbound", "connect", "tester")
    assert (answered["direction"], answered["reply_to"]) == ("inbound", asked["id"])


@pytest.mark.parametrize("identifier", [1, "1", None, -5, 2**60, "x" * 1000])
def test_equal_ids_at_once_get_their_own_answers(call: Call, identifier: Any) -> None:
    callers = [call("plain"), call("plain")]
    sessions = [caller.new_session() for caller in callers]
    for caller, session in zip(callers, sessions, strict=True):
        prompt = [{"type": "text", "text": session}]
        caller.send(id=identifier, method="session/prompt", params={"sessionId": session, "prompt": prompt})
    for caller, session in zip(callers, sessions, strict=True):
        assert caller.answer(identifier)["result"]["stopReason"] == "end_turn"
        assert caller.text() == f"echo: {session}"
        assert {update["sessionId"] for update in caller.updates()} == {session}


def test_a_permission_is_asked_of_the_sessions_caller(store: Store, call: Call) -> None:
    one, other = call("plain"), call("plain")
    one.permission = {"outcome": "selected", "optionId": "reject"}
    one.prompt(one.new_session(), "hello")
    assert one.text() == "I was not allowed to look."
    other.ask("_nothing")
    assert [frame for frame in other.heard if "method" in frame] == []
    (answer,) = store.messages("plain", "method = 'session/request_permission' AND reply_to IS NOT NULL")
    assert (answer["direction"], answer["caller"]) == ("outbound", "tester")


def test_a_permission_nobody_is_there_for_is_cancelled(fleet: DemoFleet, store: Store, call: Call) -> None:
    leaving, staying = call("plain"), call("plain")
    leaving.permission = None
    leaving.begin_prompt(leaving.new_session(), "hello")
    leaving.hear_of("session/request_permission")
    leaving.socket.close()
    eventually(lambda: fleet.state("plain"), lambda state: state["prompts"] == 0)
    assert staying.prompt(staying.new_session(), "still here")["result"]
    (asked,) = store.messages("plain", "method = 'session/request_permission' AND caller IS NOT NULL")[:1]
    (answer,) = [row for row in store.messages("plain") if row["reply_to"] == asked["id"]]
    assert answer["payload"]["result"] == {"outcome": {"outcome": "cancelled"}}


@pytest.mark.parametrize(
    ("text", "code"), [("{broken", -32700), ("42", -32600), ("[]", -32600), ("", -32700), ('"x"', -32600)]
)
def test_what_is_no_frame_is_answered_and_recorded(store: Store, call: Call, text: str, code: int) -> None:
    caller, other = call("plain"), call("plain")
    session = other.new_session()
    prompt = other.begin_prompt(session, "undisturbed")
    caller.socket.send(text)
    assert caller.hear()["error"]["code"] == code
    assert other.answer(prompt)["result"]
    (record,) = store.messages("plain", "rpc_kind = 'invalid'")
    assert (record["local"], record["error"], record["direction"]) == (True, True, "outbound")
    assert record["size"] == max(len(text), 1)


def test_unknown_methods_and_fields_are_relayed_as_they_are(store: Store, call: Call) -> None:
    answer = call("plain").ask("nobody/knows", odd={"deep": [1, None, "ü"]}, _meta={"trace": 7})
    assert answer["error"]["code"] == -32601
    (asked,) = store.messages("plain", "method = 'nobody/knows' AND rpc_kind = 'request'")
    assert asked["payload"]["params"]["odd"] == {"deep": [1, None, "ü"]}
    assert asked["message_type"] == "command"


def test_a_record_is_committed_before_its_frame_is_delivered(store: Store, call: Call) -> None:
    caller = call("plain")
    session = caller.new_session()
    for number in range(20):
        caller.heard.clear()
        caller.prompt(session, f"number {number}")
        chunks = store.messages(
            "plain", "payload #>> '{params,update,sessionUpdate}' = 'agent_message_chunk'"
        )
        assert len(chunks) == number + 1
        answers = store.messages("plain", "reply_to IS NOT NULL AND method = 'session/prompt'")
        assert len(answers) == number + 1


def test_records_are_numbered_without_a_gap(store: Store, call: Call) -> None:
    caller = call("plain")
    caller.prompt(caller.new_session(), "hello")
    numbers = [row["seq"] for row in store.messages("plain")]
    assert numbers == list(range(1, len(numbers) + 1))


FRAMES = [
    "{broken",
    "42",
    "[]",
    "",
    "[" * 20_000,
    "[" * 20_000 + "]" * 20_000,
    '{"jsonrpc":"2.0","id":77,"result":{}}',
    '{"jsonrpc":"2.0","error":{"code":-32601,"message":"no id"}}',
    '{"jsonrpc":"2.0","id":null,"result":null}',
    '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"nobody\'s","update":{}}}',
    '{"jsonrpc":"2.0","method":"_x","params":{"nul":"\\u0000","half":"\\ud83d","big":1e999999}}',
    '{"jsonrpc":"2.0","method":"_long","params":"' + "a " * 300_000 + '"}',
]


def test_whatever_the_container_sends_is_recorded_and_nothing_dies(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    caller = call("plain")
    before = len(store.messages("plain", "direction = 'inbound'"))
    for frame in FRAMES:
        fleet.order("plain", emit=frame)
    eventually(
        lambda: store.messages("plain", "direction = 'inbound'"),
        lambda found: len(found) >= before + len(FRAMES),
    )
    assert caller.prompt(caller.new_session(), "alive?")["result"]["stopReason"] == "end_turn"
    assert store.connected("plain")["reconnect_count"] == 0


def test_a_request_of_the_agent_that_nobody_can_answer(fleet: DemoFleet, store: Store, call: Call) -> None:
    for _ in range(2):  # were there only one, it would be asked
        call("plain")
    request = {"jsonrpc": "2.0", "id": "q", "method": "fs/read_text_file", "params": {"path": "/x"}}
    fleet.order("plain", emit=request)
    (answer,) = eventually(lambda: store.messages("plain", "rpc_id = '\"q\"' AND reply_to IS NOT NULL"))
    assert answer["payload"]["error"]["code"] == -32601
    assert answer["direction"] == "outbound"


def test_notifications_of_no_session_reach_every_caller(fleet: DemoFleet, call: Call) -> None:
    callers = [call("plain"), call("plain")]
    fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_news", "params": {"n": 1}})
    assert [caller.hear_of("_news")["params"] for caller in callers] == [{"n": 1}, {"n": 1}]
