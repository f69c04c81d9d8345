"""The multiplexer against a model that knows who asked what, while callers and connections come and go."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.protocol.handshake import Negotiated
from app.protocol.mux import CONTAINER, GATEWAY, Multiplexer
from app.protocol.states import Direction, Protocol

if TYPE_CHECKING:
    from app.protocol.mux import Message

RAW_IDS = st.sampled_from([0, 1, 2, "1", "a", None])
SESSIONS = ["s0", "s1"]
NEGOTIATED = Negotiated(
    version="1.0.0",
    capabilities={},
    agent_info=None,
    auth_methods=[],
    result={"protocolVersion": 1},
)


class Asked(NamedTuple):
    """A request that waits: who asked, its id there, the id that the answerer got, and who that is.

    `displaced` is a session that it has taken from another caller, and that caller.
    """

    asker: str
    raw_id: Any
    wire_id: Any
    answerer: str
    creates: bool
    displaced: tuple[str, str] | None = None


def rpc(**members: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", **members})


def same(raw_id: Any, other: Any) -> bool:
    """Ids of different types are different ids."""
    return raw_id == other and type(raw_id) is type(other)


def new_mux() -> Multiplexer:
    ids, ticks = count(1), count()
    mux = Multiplexer(clock=lambda: float(next(ticks)), new_id=lambda: UUID(int=next(ids)))
    mux.online(Protocol.ACP, NEGOTIATED)
    return mux


def delivered(messages: list[Message]) -> list[tuple[str, Any]]:
    return [(d.to, json.loads(d.text)) for message in messages for d in message.deliveries]


class ManyCallers(RuleBasedStateMachine):
    """Each rule feeds one text and checks who heard what."""

    @initialize()
    def start(self) -> None:
        self.mux = new_mux()
        self.online = True
        self.keys = count()
        self.callers: list[str] = []
        self.open: list[Asked] = []
        self.owners: dict[str, str] = {}
        self.numbers: set[Any] = set()
        self.seen: set[UUID] = set()

    def record(self, messages: list[Message]) -> list[tuple[str, Any]]:
        ids = [message.id for message in messages]
        assert len(set(ids)) == len(ids)
        assert not self.seen & set(ids)
        self.seen |= set(ids)
        assert {to for to, _ in delivered(messages)} <= {CONTAINER, GATEWAY, *self.callers}
        return delivered(messages)

    def gone(self, key: str) -> bool:
        return key not in self.callers and key != GATEWAY

    @rule()
    def join(self) -> None:
        key = f"caller {next(self.keys)}"
        self.mux.join(key, key)
        self.callers.append(key)

    @precondition(lambda self: self.callers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.callers))
        self.callers.remove(key)
        owed = [asked for asked in self.open if asked.answerer == key]
        answers = self.record(self.mux.leave(key))
        assert [(to, frame["id"]) for to, frame in answers] == [(CONTAINER, asked.raw_id) for asked in owed]
        self.open = [asked for asked in self.open if asked not in owed]

    @precondition(lambda self: self.callers)
    @rule(data=st.data(), raw_id=RAW_IDS, session_id=st.sampled_from(SESSIONS))
    def caller_asks(self, data: st.DataObject, raw_id: Any, session_id: str) -> None:
        key = data.draw(st.sampled_from(self.callers))
        method = data.draw(st.sampled_from(["session/new", "session/prompt", "session/load"]))
        params = {} if method == "session/new" else {"sessionId": session_id}
        heard = self.record(self.mux.from_caller(key, rpc(id=raw_id, method=method, params=params)))
        if not self.online:
            assert [(to, frame["id"], "error" in frame) for to, frame in heard] == [(key, raw_id, True)]
            return
        ((to, frame),) = heard
        assert to == CONTAINER
        assert frame["id"] not in self.numbers
        self.numbers.add(frame["id"])
        owner = self.owners.get(session_id)
        loads = method == "session/load" and owner not in {None, key}
        displaced = (session_id, owner) if loads and not self.gone(str(owner)) else None
        self.open.append(Asked(key, raw_id, frame["id"], CONTAINER, method == "session/new", displaced))
        if method == "session/load" or (method == "session/prompt" and (owner is None or self.gone(owner))):
            self.owners[session_id] = key

    @precondition(lambda self: any(asked.answerer == CONTAINER for asked in self.open))
    @rule(data=st.data())
    def container_answers(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from([asked for asked in self.open if asked.answerer == CONTAINER]))
        self.open.remove(asked)
        named = {"sessionId": data.draw(st.sampled_from(SESSIONS))} if asked.creates else {}
        messages = self.mux.from_container(rpc(id=asked.wire_id, result=named))
        heard = self.record(messages)
        if self.gone(asked.asker):
            assert heard == []
            return
        if asked.creates:
            self.owners[named["sessionId"]] = asked.asker
        assert heard[0] == (asked.asker, {"jsonrpc": "2.0", "id": asked.raw_id, "result": named})
        assert type(heard[0][1]["id"]) is type(asked.raw_id)
        for to, late in heard[1:]:
            assert (to, late["params"]["sessionId"]) == (asked.asker, named["sessionId"])
        assert self.record(self.mux.from_container(rpc(id=asked.wire_id, result={}))) == []

    @precondition(lambda self: self.online)
    @rule()
    def gateway_asks(self) -> None:
        message = self.mux.own_request("_console/ping", {})
        ((to, frame),) = self.record([message])
        assert (to, frame["method"]) == (CONTAINER, "_console/ping")
        assert frame["id"] not in self.numbers
        self.numbers.add(frame["id"])
        self.open.append(Asked(GATEWAY, frame["id"], frame["id"], CONTAINER, creates=False))

    @precondition(lambda self: any(asked.answerer == CONTAINER for asked in self.open))
    @rule(data=st.data())
    def gateway_gives_up(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from([asked for asked in self.open if asked.answerer == CONTAINER]))
        (given_up,) = [
            each
            for each in self.mux.open_requests
            if (each.asker, each.wire_id) == (asked.asker, json.dumps(asked.wire_id))
        ]
        heard = self.record(self.mux.fail(given_up.message_id, "too late"))
        self.open.remove(asked)
        told = [(asked.asker, asked.raw_id, True)] if not self.gone(asked.asker) else []
        assert [(to, frame["id"], "error" in frame) for to, frame in heard] == told
        if asked.displaced is not None and not self.gone(asked.displaced[1]):
            self.owners[asked.displaced[0]] = asked.displaced[1]  # nobody has loaded it after all
        assert self.mux.fail(given_up.message_id, "too late") == []

    @precondition(lambda self: self.online and self.callers)
    @rule(data=st.data(), raw_id=RAW_IDS)
    def caller_cancels(self, data: st.DataObject, raw_id: Any) -> None:
        key = data.draw(st.sampled_from(self.callers))
        text = rpc(method="$/cancel_request", params={"requestId": raw_id})
        heard = self.record(self.mux.from_caller(key, text))
        mine = [asked for asked in self.open if asked.asker == key and same(asked.raw_id, raw_id)]
        latest = [(CONTAINER, asked.wire_id) for asked in mine[-1:]]
        assert [(to, frame["params"]["requestId"]) for to, frame in heard] == latest

    @rule(session_id=st.sampled_from(SESSIONS))
    def container_updates(self, session_id: str) -> None:
        text = rpc(method="session/update", params={"sessionId": session_id})
        heard = self.record(self.mux.from_container(text))
        owner = self.owners.get(session_id)
        assert [to for to, _ in heard] == ([] if owner is None or self.gone(owner) else [owner])

    @precondition(lambda self: self.online)
    @rule(session_id=st.sampled_from(SESSIONS), raw_id=RAW_IDS)
    def container_asks(self, session_id: str, raw_id: Any) -> None:
        text = rpc(id=raw_id, method="fs/read_text_file", params={"sessionId": session_id})
        ((to, frame),) = self.record(self.mux.from_container(text))
        owner = self.owners.get(session_id)
        if owner is not None:
            assert to == (CONTAINER if self.gone(owner) else owner)
        if to == CONTAINER:
            assert (frame["id"], "error" in frame) == (raw_id, True)
            return
        assert all((asked.answerer, asked.wire_id) != (to, frame["id"]) for asked in self.open)
        self.open.append(Asked(CONTAINER, raw_id, frame["id"], to, creates=False))

    @precondition(lambda self: any(asked.asker == CONTAINER for asked in self.open))
    @rule(data=st.data())
    def caller_answers(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from([asked for asked in self.open if asked.asker == CONTAINER]))
        text = rpc(id=asked.wire_id, result={"by": asked.answerer})
        for other in self.callers:
            mine = any((o.answerer, o.wire_id) == (other, asked.wire_id) for o in self.open)
            if not mine:
                assert self.record(self.mux.from_caller(other, text)) == []
        heard = self.record(self.mux.from_caller(asked.answerer, text))
        assert heard == [
            (CONTAINER, {"jsonrpc": "2.0", "id": asked.raw_id, "result": {"by": asked.answerer}})
        ]
        self.open.remove(asked)

    @precondition(lambda self: self.online)
    @rule()
    def drop(self) -> None:
        told = self.record(self.mux.offline("dropped"))
        waiting = [asked for asked in self.open if asked.asker in {GATEWAY, *self.callers}]
        assert [(to, frame["id"]) for to, frame in told] == [(asked.asker, asked.raw_id) for asked in waiting]
        self.open.clear()
        self.online = False

    @precondition(lambda self: not self.online)
    @rule(protocol=st.sampled_from(Protocol))
    def come_back(self, protocol: Protocol) -> None:
        self.mux.online(protocol, NEGOTIATED)
        self.online = True

    @invariant()
    def what_is_open_is_what_was_not_answered(self) -> None:
        known = [(asked.asker, asked.wire_id) for asked in self.open]
        assert [(asked.asker, json.loads(asked.wire_id)) for asked in self.mux.open_requests] == known


TestManyCallers = ManyCallers.TestCase
TestManyCallers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0"),
        "id": RAW_IDS | st.just([]),
        "method": st.sampled_from(["initialize", "session/new", "session/load", "$/cancel_request", "_x", 7]),
        "params": st.sampled_from([{"sessionId": "s"}, {"requestId": 1}, {"requestId": {}}, [], "x", None]),
        "result": st.sampled_from([{}, {"sessionId": "s"}, None, 1]),
        "error": st.sampled_from([{}, {"code": 1, "message": "m"}, None, "x"]),
    },
).map(json.dumps)
TEXTS = (
    st.text()
    | ENVELOPES
    | st.sampled_from(["42", "[]", '{"id":1,"method":"\\ud83d"}', '{"method":"\\ud83d"}'])
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", CONTAINER]), TEXTS), max_size=12), st.booleans())
def test_every_text_has_exactly_one_record_of_its_own(texts: list[tuple[str, str]], online: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    mux = new_mux()
    mux.join("a", "A")
    mux.join("b", "B")
    if not online:
        mux.offline("not there")
    for source, text in texts:
        messages = mux.from_container(text) if source == CONTAINER else mux.from_caller(source, text)
        own = Direction.INBOUND if source == CONTAINER else Direction.OUTBOUND
        assert [message.direction for message in messages] == [own, own.opposite][: len(messages)]
        assert len(messages) in (1, 2)
        assert all(message.frame.size > 0 for message in messages)
