from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from app.protocol import frames
from app.protocol.classify import PING_METHOD
from app.protocol.frames import RpcKind
from app.protocol.mux import CONTAINER, GATEWAY
from app.protocol.nesting import MAX_DEPTH
from app.protocol.redaction import redact
from app.protocol.sessions import MAX_HELD, MAX_SESSIONS, MAX_SETTINGS_LENGTH, HeldSession, Sessions
from app.protocol.states import Direction, MessageType, Protocol

if TYPE_CHECKING:
    from app.protocol.handshake import Negotiated
    from app.protocol.mux import Message, Multiplexer


def rpc(**members: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", **members}, separators=(",", ":"))


def sent(messages: list[Message] | Message) -> list[tuple[str, Any]]:
    """List what is delivered to whom, decoded."""
    listed = messages if isinstance(messages, list) else [messages]
    return [(d.to, json.loads(d.text)) for m in listed for d in m.deliveries]


def only(messages: list[Message]) -> Message:
    assert len(messages) == 1
    return messages[0]


def ask(mux: Multiplexer, key: str, method: str, raw_id: Any = 1, **params: Any) -> int:
    """Send a caller's request; return the id under which the container gets it."""
    message = only(mux.from_caller(key, rpc(id=raw_id, method=method, params=params)))
    ((to, frame),) = sent(message)
    assert to == CONTAINER
    return int(frame["id"])


def open_session(mux: Multiplexer, key: str, session_id: str) -> None:
    number = ask(mux, key, "session/new", cwd="/")
    mux.from_container(rpc(id=number, result={"sessionId": session_id}))


def test_colliding_ids_are_kept_apart_and_given_back(mux: Multiplexer, clock: Any) -> None:
    numbers = {key: ask(mux, key, "session/list", raw_id=7) for key in "ab"}
    assert numbers["a"] != numbers["b"]
    clock.now += 1.5
    for key in "ba":
        message = only(mux.from_container(rpc(id=numbers[key], result={"for": key})))
        assert sent(message) == [(key, {"jsonrpc": "2.0", "id": 7, "result": {"for": key}})]
        assert (message.direction, message.message_type, message.processing_time) == (
            "inbound",
            "command",
            1500,
        )
        assert message.frame.id == str(numbers[key])
    assert not mux.open_requests


@pytest.mark.parametrize("raw_id", [0, "1", 1.5, None, "é"])
def test_an_id_comes_back_as_it_was(mux: Multiplexer, raw_id: Any) -> None:
    number = ask(mux, "a", "session/list", raw_id=raw_id)
    asked = only(list(mux.open_requests))
    assert (asked.direction, asked.method, asked.caller) == (
        Direction.OUTBOUND,
        "session/list",
        "Anna's editor",
    )
    ((to, frame),) = sent(mux.from_container(rpc(id=number, error={"code": -1, "message": "no"})))
    assert (to, frame["id"]) == ("a", raw_id)
    assert type(frame["id"]) is type(raw_id)


def test_an_error_answer_is_marked_with_what_it_says(mux: Multiplexer) -> None:
    number = ask(mux, "a", "session/list")
    message = only(mux.from_container(rpc(id=number, error={"code": -32601, "message": "no"})))
    assert (message.error, message.error_message) == (True, "no (-32601)")


def test_an_answer_is_taken_once(mux: Multiplexer) -> None:
    number = ask(mux, "a", "session/list")
    mux.from_container(rpc(id=number, result={}))
    again = only(mux.from_container(rpc(id=number, result={})))
    assert (again.processed, again.deliveries, again.reply_to) == (False, (), None)


def test_an_answer_must_have_the_type_of_the_id(mux: Multiplexer) -> None:
    number = ask(mux, "a", "session/list")
    assert not only(mux.from_container(rpc(id=str(number), result={}))).processed
    assert len(mux.open_requests) == 1


def test_initialize_is_answered_from_what_was_negotiated(mux: Multiplexer) -> None:
    asked, answered = mux.from_caller("a", rpc(id=0, method="initialize", params={"protocolVersion": 99}))
    assert sent([asked, answered]) == [
        (
            "a",
            {
                "jsonrpc": "2.0",
                "id": 0,
                "result": {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}},
            },
        )
    ]
    assert (asked.local, asked.direction, asked.message_type) == (True, "outbound", "connect")
    assert (answered.local, answered.direction, answered.message_type) == (True, "inbound", "connect")
    assert answered.reply_to == asked.id
    assert not mux.open_requests


def test_requests_while_offline_are_answered_with_the_reason(offline_mux: Multiplexer) -> None:
    offline_mux.join("a", "A")
    for method in ("initialize", "session/prompt"):
        asked, answered = offline_mux.from_caller("a", rpc(id=1, method=method))
        ((to, frame),) = sent([asked, answered])
        assert (to, frame["error"]["code"]) == ("a", frames.INTERNAL_ERROR)
        assert "not connected yet" in frame["error"]["message"]
        assert asked.local
        assert answered.error
    note = only(offline_mux.from_caller("a", rpc(method="session/cancel", params={"sessionId": "s"})))
    assert (note.processed, note.deliveries, note.local) == (False, (), True)


def test_going_offline_answers_what_is_open(mux: Multiplexer, clock: Any) -> None:
    number = ask(mux, "a", "session/prompt", raw_id="p", sessionId="s")
    own = mux.own_request(PING_METHOD, {})
    only(mux.from_container(rpc(id=5, method="fs/read_text_file", params={"sessionId": "s"})))
    clock.now += 2
    prompt, ping, read = mux.offline("the connection was lost")
    assert sent(prompt) == [
        ("a", {"jsonrpc": "2.0", "id": "p", "error": {"code": -32603, "message": "the connection was lost"}})
    ]
    assert (prompt.rpc_kind, prompt.direction, prompt.processing_time) == (
        RpcKind.UNANSWERED,
        "inbound",
        2000,
    )
    assert (prompt.frame.id, prompt.error, prompt.error_message) == (
        str(number),
        True,
        "the connection was lost",
    )
    assert (ping.deliveries[0].to, ping.reply_to, ping.message_type) == (GATEWAY, own.id, "status")
    assert (read.deliveries, read.direction, read.frame.id) == ((), "outbound", "5")
    assert not mux.open_requests
    late = only(mux.from_caller("a", rpc(id=1, result={})))
    assert (late.processed, late.deliveries) == (False, ())


def test_numbers_are_never_used_again(mux: Multiplexer, negotiated: Negotiated) -> None:
    before = ask(mux, "a", "session/list")
    mux.offline("moved")
    mux.online(Protocol.HTTP, negotiated)
    assert ask(mux, "a", "session/list") > before


def test_a_failed_request_is_unanswered(mux: Multiplexer) -> None:
    message = only(mux.from_caller("a", rpc(id=1, method="session/list")))
    failed = only(mux.fail(message.id, "HTTP 502"))
    assert sent(failed) == [
        ("a", {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "HTTP 502"}})
    ]
    assert (failed.rpc_kind, failed.reply_to, failed.error_message) == (
        RpcKind.UNANSWERED,
        message.id,
        "HTTP 502",
    )
    assert mux.fail(message.id, "again") == []


def test_own_requests_are_answered_to_the_gateway(offline_mux: Multiplexer) -> None:
    asked = offline_mux.own_request("initialize", {"protocolVersion": 1})
    ((to, frame),) = sent(asked)
    assert (to, frame["method"], asked.message_type) == (CONTAINER, "initialize", MessageType.CONNECT)
    answer = only(offline_mux.from_container(rpc(id=frame["id"], result={})))
    assert (answer.deliveries[0].to, answer.reply_to, answer.message_type) == (GATEWAY, asked.id, "connect")


def test_an_error_is_the_pings_usual_answer(mux: Multiplexer) -> None:
    ((_, frame),) = sent(mux.own_request(PING_METHOD, {}))
    answer = only(mux.from_container(rpc(id=frame["id"], error={"code": -32601, "message": "no"})))
    assert (answer.error, answer.message_type) == (False, MessageType.STATUS)


@pytest.mark.parametrize(
    ("text", "code", "raw_id"),
    [
        ("not json", frames.PARSE_ERROR, None),
        ("42", frames.INVALID_REQUEST, None),
        ('[{"id":1,"method":"m"}]', frames.INVALID_REQUEST, None),
        ('{"id":5,"method":7}', frames.INVALID_REQUEST, 5),
        ('{"id":{},"method":"m"}', frames.INVALID_REQUEST, None),
    ],
)
def test_broken_frames_of_a_caller_go_no_further(mux: Multiplexer, text: str, code: int, raw_id: Any) -> None:
    message = only(mux.from_caller("a", text))
    ((to, answer),) = sent(message)
    assert (to, answer["error"]["code"], answer["id"]) == ("a", code, raw_id)
    assert (message.frame.text, message.local, message.error, message.direction) == (
        text,
        True,
        True,
        "outbound",
    )
    assert message.error_message == message.frame.problem


@pytest.mark.parametrize("text", ["not json", "42", "[]", '{"id":1}'])
def test_broken_frames_of_the_container_are_stored(mux: Multiplexer, text: str) -> None:
    message = only(mux.from_container(text))
    assert (message.frame.text, message.deliveries, message.processed, message.error) == (
        text,
        (),
        False,
        True,
    )
    assert message.message_type is MessageType.EVENT


@pytest.mark.parametrize("members", [{"id": None, "error": {}}, {"error": {}}, {"id": 99, "result": {}}])
def test_answers_to_nothing_are_stored(mux: Multiplexer, members: dict[str, Any]) -> None:
    ask(mux, "a", "session/list")
    message = only(mux.from_container(rpc(**members)))
    assert (message.deliveries, message.processed) == ((), False)


def test_updates_go_to_the_sessions_caller_only(mux: Multiplexer) -> None:
    open_session(mux, "a", "s1")
    open_session(mux, "b", "s2")
    text = rpc(method="session/update", params={"sessionId": "s2", "update": {"sessionUpdate": "plan"}})
    message = only(mux.from_container(text))
    assert [(d.to, d.text) for d in message.deliveries] == [("b", text)]
    assert message.caller == "the backend"


def test_notifications_without_a_session_go_to_all(mux: Multiplexer) -> None:
    text = rpc(method="_acme/note")
    assert [d.to for d in only(mux.from_container(text)).deliveries] == ["a", "b"]
    mux.leave("a")
    mux.leave("b")
    assert not only(mux.from_container(text)).processed


def test_updates_of_a_session_being_created_come_after_its_answer(mux: Multiplexer) -> None:
    number = ask(mux, "a", "session/new", cwd="/")
    early = [rpc(method="session/update", params={"sessionId": "s", "n": n}) for n in range(MAX_HELD + 1)]
    records = [only(mux.from_container(text)) for text in early]
    assert not any(record.deliveries for record in records)
    assert [record.processed for record in records] == [True] * MAX_HELD + [False]
    answer = only(mux.from_container(rpc(id=number, result={"sessionId": "s"})))
    assert [d.to for d in answer.deliveries] == ["a"] * (MAX_HELD + 1)
    assert [d.text for d in answer.deliveries[1:]] == early[:-1]


def test_updates_of_an_unknown_session_are_nobodys(mux: Multiplexer) -> None:
    message = only(mux.from_container(rpc(method="session/update", params={"sessionId": "s"})))
    assert (message.deliveries, message.processed) == ((), False)


def test_a_failed_creation_lets_go_of_what_was_held(mux: Multiplexer) -> None:
    number = ask(mux, "a", "session/new", cwd="/")
    mux.from_container(rpc(method="session/update", params={"sessionId": "s"}))
    mux.from_container(rpc(id=number, error={"code": -1, "message": "no"}))
    number = ask(mux, "b", "session/new", cwd="/")
    assert len(sent(mux.from_container(rpc(id=number, result={"sessionId": "s"})))) == 1


@pytest.mark.parametrize("method", ["session/load", "session/resume"])
def test_loading_claims_a_session_at_once_and_a_failure_gives_it_back(mux: Multiplexer, method: str) -> None:
    open_session(mux, "a", "s")
    update = rpc(method="session/update", params={"sessionId": "s"})
    number = ask(mux, "b", method, sessionId="s")
    assert [to for to, _ in sent(mux.from_container(update))] == ["b"]
    mux.from_container(rpc(id=number, error={"code": -32002, "message": "not found"}))
    assert [to for to, _ in sent(mux.from_container(update))] == ["a"]


def test_what_a_session_was_made_with_is_kept_for_another_connection(mux: Multiplexer) -> None:
    servers = [{"name": "docs", "env": []}]
    number = ask(mux, "a", "session/new", cwd="/work", mcpServers=servers, _meta={"not": "asked again"})
    mux.from_container(rpc(id=number, result={"sessionId": "s"}))
    (made,) = mux.held_sessions
    assert made.session_id == "s"
    assert msgspec.json.decode(msgspec.json.encode(made.settings)) == {"cwd": "/work", "mcpServers": servers}
    for outcome, cwd in ({"error": {"code": -1, "message": "no"}}, "/work"), ({"result": {}}, "/else"):
        number = ask(mux, "a", "session/load", sessionId="s", cwd="/else")
        mux.from_container(rpc(id=number, **outcome))  # type: ignore[arg-type]
        assert msgspec.json.decode(msgspec.json.encode(mux.held_sessions[0].settings))["cwd"] == cwd
    mux.leave("a")
    assert mux.held_sessions == []


def test_a_session_that_was_only_used_has_no_known_settings(mux: Multiplexer) -> None:
    ask(mux, "a", "session/prompt", sessionId="s")
    assert mux.held_sessions == [HeldSession("s", None)]


def test_settings_are_bounded() -> None:
    sessions, large = Sessions(), {"cwd": msgspec.Raw(b"x" * (MAX_SETTINGS_LENGTH // 2 + 1))}
    for name in ("first", "second"):
        sessions.give(name, "a")
        sessions.keep_settings(name, large)
    assert sessions.held({"a"}) == [HeldSession("first", large), HeldSession("second", None)]
    sessions.keep_settings("first", None)
    sessions.keep_settings("second", large)
    assert sessions.held({"a"}) == [HeldSession("first", None), HeldSession("second", large)]


def test_using_a_session_claims_it_only_when_its_caller_is_gone(mux: Multiplexer) -> None:
    open_session(mux, "a", "s")
    update = rpc(method="session/update", params={"sessionId": "s"})
    ask(mux, "b", "session/prompt", sessionId="s")
    assert [to for to, _ in sent(mux.from_container(update))] == ["a"]
    mux.leave("a")
    assert sent(mux.from_container(update)) == []
    ask(mux, "b", "session/prompt", sessionId="s")
    assert [to for to, _ in sent(mux.from_container(update))] == ["b"]


def test_agent_requests_are_mapped_and_answered_under_the_agents_id(mux: Multiplexer, clock: Any) -> None:
    open_session(mux, "a", "s")
    open_session(mux, "b", "t")
    given = {}
    for key, session_id in (("a", "s"), ("b", "t")):
        asked = rpc(id=0, method="fs/read_text_file", params={"sessionId": session_id, "path": "/x"})
        message = only(mux.from_container(asked))
        ((to, frame),) = sent(message)
        assert to == key
        assert message.frame.text == asked
        given[key] = (frame["id"], message.id)
    assert given["a"][0] != given["b"][0]
    clock.now += 0.25
    answer = only(mux.from_caller("b", rpc(id=given["b"][0], result={"content": "x"})))
    assert sent(answer) == [(CONTAINER, {"jsonrpc": "2.0", "id": 0, "result": {"content": "x"}})]
    assert (answer.reply_to, answer.processing_time, answer.direction) == (given["b"][1], 250, "outbound")
    stolen = only(mux.from_caller("b", rpc(id=given["a"][0], result={})))
    assert (stolen.deliveries, stolen.processed, stolen.local) == ((), False, True)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("session/request_permission", {"result": {"outcome": {"outcome": "cancelled"}}}),
        ("fs/read_text_file", {"error": {"code": -32601, "message": "no caller is there to answer this"}}),
    ],
)
def test_agent_requests_that_nobody_takes_get_a_proper_answer(
    mux: Multiplexer, method: str, answer: Any
) -> None:
    request = rpc(id="r", method=method, params={"sessionId": "unknown"})
    asked, answered = mux.from_container(request)
    assert sent([asked, answered]) == [(CONTAINER, {"jsonrpc": "2.0", "id": "r", **answer})]
    assert (asked.direction, answered.direction, answered.reply_to) == ("inbound", "outbound", asked.id)
    assert not mux.open_requests


def test_a_leaving_caller_owes_nothing(mux: Multiplexer) -> None:
    open_session(mux, "a", "s")
    number = ask(mux, "a", "session/prompt", sessionId="s")
    asked = only(
        mux.from_container(rpc(id=3, method="session/request_permission", params={"sessionId": "s"}))
    )
    answer = only(mux.leave("a"))
    assert sent(answer) == [
        (CONTAINER, {"jsonrpc": "2.0", "id": 3, "result": {"outcome": {"outcome": "cancelled"}}})
    ]
    assert answer.reply_to == asked.id
    late = only(mux.from_container(rpc(id=number, result={})))
    assert (late.deliveries, late.processed) == ((), False)
    assert late.reply_to is not None
    assert dict(mux.callers) == {"b": "the backend"}


def test_a_request_without_a_session_goes_to_the_only_caller(mux: Multiplexer) -> None:
    request = rpc(id=1, method="elicitation/create", params={})
    assert [to for to, _ in sent(mux.from_container(request))] == [CONTAINER]
    mux.leave("a")
    assert [to for to, _ in sent(mux.from_container(request))] == ["b"]


def test_cancellations_name_the_mapped_id(mux: Multiplexer) -> None:
    open_session(mux, "a", "s")
    number = ask(mux, "a", "session/prompt", raw_id=1, sessionId="s")
    cancel = rpc(method="$/cancel_request", params={"requestId": 1})
    assert sent(mux.from_caller("a", cancel))[0][1]["params"] == {"requestId": number}
    unknown = only(mux.from_caller("b", cancel))
    assert (unknown.deliveries, unknown.processed, unknown.local) == ((), False, True)
    ((_, asked),) = sent(mux.from_container(rpc(id=1, method="fs/read_text_file", params={"sessionId": "s"})))
    ((to, back),) = sent(mux.from_container(cancel))
    assert (to, back["params"]) == ("a", {"requestId": asked["id"]})
    assert not only(mux.from_container(rpc(method="$/cancel_request", params={"requestId": 2}))).processed


def test_over_http_a_cancellation_is_a_request_of_the_gateways(
    mux: Multiplexer, negotiated: Negotiated
) -> None:
    mux.online(Protocol.HTTP, negotiated)
    message = only(mux.from_caller("a", rpc(method="session/cancel", params={"sessionId": "s"})))
    ((to, frame),) = sent(message)
    assert (to, frame["method"], message.message_type) == (CONTAINER, "cancel", MessageType.COMMAND)
    answer = only(mux.from_container(rpc(id=frame["id"], result=None)))
    assert (answer.deliveries[0].to, answer.reply_to) == (GATEWAY, message.id)


def test_unknown_members_pass_unchanged(mux: Multiplexer) -> None:
    text = '{"_x":1.50,"jsonrpc":"2.0","method":"_acme/note","params":{"deep":[1e999,"\\ud83d"]}}'
    assert only(mux.from_caller("a", text)).deliveries[0].text == text
    assert only(mux.from_container(text)).deliveries[0].text == text


def test_notes_are_records_of_the_transport(offline_mux: Multiplexer) -> None:
    note = offline_mux.note(MessageType.DISCONNECT, Direction.INBOUND, {"code": 1000, "by": "peer"})
    assert (note.rpc_kind, note.error, note.frame.text) == (
        RpcKind.TRANSPORT,
        False,
        '{"code":1000,"by":"peer"}',
    )
    failed = offline_mux.note(MessageType.CONNECT, Direction.OUTBOUND, {}, error_message="refused")
    assert (failed.error, failed.error_message, failed.frame.size) == (True, "refused", 2)


def test_a_key_is_taken_once(mux: Multiplexer) -> None:
    with pytest.raises(ValueError, match="taken"):
        mux.join("a", "another")
    with pytest.raises(KeyError):
        mux.from_caller("stranger", rpc(id=1, method="m"))


def test_sessions_are_bounded_and_the_unused_go_first() -> None:
    sessions = Sessions()
    sessions.give("kept", "a")
    for n in range(MAX_SESSIONS - 1):
        sessions.give(str(n), "a")
    assert sessions.owner("kept") == "a"
    sessions.give("one more", "b")
    assert (sessions.owner("kept"), sessions.owner("0"), sessions.owner("one more")) == ("a", None, "b")


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_what_nests_as_deep_as_is_allowed_is_relayed_and_no_deeper(
    mux: Multiplexer, open_: str, close: str
) -> None:
    for depth in (MAX_DEPTH - 1, MAX_DEPTH):
        nested = open_ * depth + "1" + close * depth
        text = f'{{"id":1,"method":"_x","params":{nested}}}'
        message = only(mux.from_caller("a", text))
        assert message.error == (depth == MAX_DEPTH)
        json.loads(redact(message.frame))
    brackets = rpc(method="_x", params=["[[{" * MAX_DEPTH, [[]] * MAX_DEPTH])
    assert only(mux.from_caller("a", brackets)).deliveries[0].text == brackets


def test_an_agent_that_asks_for_a_session_does_not_become_a_caller(mux: Multiplexer) -> None:
    mux.leave("b")
    (asked,) = mux.from_container('{"id":1,"method":"session/new"}')
    assert [each.to for each in asked.deliveries] == ["a"]
    text = '{"id":2,"method":"session/request_permission","params":{"sessionId":"of nobody"}}'
    _, answer = mux.from_container(text)
    assert [each.to for each in answer.deliveries] == [CONTAINER]
