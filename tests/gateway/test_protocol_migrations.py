"""Protocol migrations under callers: none of them loses its socket, a request or an answer."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.sync.client import connect

from app.demo.fleet import FLEET
from app.errors import Conflict
from app.gateway.migrator import carrying, measuring
from tests.support.callers import Caller
from tests.support.demo import DemoFleet, serving
from tests.support.gateways import running_gateway
from tests.support.store import QUICK_PLAN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.store import Store


@pytest.fixture
def fleet() -> Iterator[DemoFleet]:
    """The streamer takes most of a second for a prompt, and does not tick."""
    quick = replace(FLEET["streamer"], ticks_every=None, pace=0.02)
    with serving([FLEET["plain"], FLEET["http-first"], quick]) as url, httpx.Client(base_url=url) as client:
        yield DemoFleet(url, client)


def _on_http(fleet: DemoFleet, store: Store, name: str = "http-first") -> None:
    store.register(name, fleet.endpoint(name), prefer="http")
    store.connected(name, "http")


@pytest.mark.parametrize("to", ["acp", "http"])
def test_sessions_are_taken_up_and_their_past_is_told_to_nobody(
    fleet: DemoFleet, store: Store, call: Call, to: str
) -> None:
    name = {"acp": "http-first", "http": "plain"}[to]
    store.register(name, fleet.endpoint(name), prefer="http" if to == "acp" else "acp")
    store.connected(name, "http" if to == "acp" else "acp")
    caller, idle = call(name), call(name)
    session, other = caller.new_session(), idle.new_session()
    caller.prompt(session, "hello")
    heard = len(caller.heard)
    store.migrate(name, to)
    assert store.migrated(name)["success"]
    took_up = store.messages(name, "method = 'session/load' AND rpc_kind = 'request'")
    assert {row["acp_session_id"] for row in took_up} == {session, other}
    assert {row["payload"]["params"]["cwd"] for row in took_up} == {"/workspace"}
    switched = store.rows("SELECT detail FROM protocol_migration_step WHERE phase = 'verifying' ORDER BY id")
    assert "2 of 2 sessions taken up with session/load" in switched[-1]["detail"]
    assert caller.prompt(session, "again")["result"]["stopReason"] == "end_turn"
    assert "hello" not in str(caller.heard[heard:])
    if to == "acp":  # over HTTP there is no way to tell it
        told = store.messages(name, "method = 'session/update' AND NOT processed")
        assert "hello" in str([row["payload"] for row in told])


@pytest.mark.parametrize("to", ["acp", "http"])
def test_sessions_of_before_a_restart_of_the_gateway_are_taken_up(
    fleet: DemoFleet, store: Store, settings: Settings, to: str
) -> None:
    """One that its caller has used since, one that it has not; not one of somebody who is not there."""
    name = {"acp": "http-first", "http": "plain"}[to]
    store.register(name, fleet.endpoint(name), prefer="http" if to == "acp" else "acp")
    token, others = store.token(), store.token("gone by then")

    def enter(stack: ExitStack, gateway: str, token: str) -> Caller:
        store.connected(name)
        authorization = {"Authorization": f"Bearer {token}"}
        return Caller(stack.enter_context(connect(f"{gateway}/{name}", additional_headers=authorization)))

    with running_gateway(settings) as gateway, ExitStack() as stack:
        caller = enter(stack, gateway, token)
        used, idle = caller.new_session(), caller.new_session()
        enter(stack, gateway, others).new_session()
    with running_gateway(settings) as gateway, ExitStack() as stack:
        caller = enter(stack, gateway, token)
        caller.prompt(used, "hello")
        store.migrate(name, to)
        assert store.migrated(name)["success"]
        took_up = store.messages(name, "method = 'session/load' AND rpc_kind = 'request'")
        params = [row["payload"]["params"] for row in took_up]
        made = {"cwd": "/workspace", "mcpServers": []}
        assert sorted(params, key=str) == sorted(
            [{"sessionId": each, **made} for each in (used, idle)], key=str
        )
        for session in (used, idle):
            assert caller.prompt(session, "again")["result"]["stopReason"] == "end_turn"


def test_there_and_back_with_requests_all_the_while(fleet: DemoFleet, store: Store, call: Call) -> None:
    _on_http(fleet, store)
    caller, stop, answers = call("http-first"), threading.Event(), list[int]()

    def keep_asking() -> None:
        while not stop.is_set():
            session = caller.ask("session/new", cwd="/", mcpServers=[])["result"]["sessionId"]
            answer = caller.prompt(session, "hello")
            assert answer["result"]["stopReason"] == "end_turn"
            answers.append(answer["id"])

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for to in ("acp", "http", "acp"):
            store.migrate("http-first", to)
            migration = store.migrated("http-first")
            assert (migration["success"], migration["error_message"]) == (True, None)
            assert store.protocol("http-first") == to
            store.connected("http-first", to)
            so_far = len(answers)
            eventually(lambda: answers, lambda found, least=so_far: len(found) > least)  # type: ignore[misc]
    finally:
        stop.set()
        asking.join()
    assert len(answers) == len(set(answers)) == len([f for f in caller.heard if "result" in f]) / 2
    assert (
        store.messages("http-first", "rpc_kind IN ('unanswered', 'error') AND message_type <> 'status'") == []
    )
    assert [row["status"] for row in store.connections("http-first")].count("connected") == 1


@pytest.mark.usefixtures("gateway")
def test_a_rollback_marks_the_first(fleet: DemoFleet, store: Store) -> None:
    _on_http(fleet, store)
    first = store.migrate("http-first", "acp")
    assert store.migrated("http-first")["success"]
    store.roll_back(first)
    second = store.migrated("http-first", 1)
    assert (second["cause"], second["success"], second["rollback_of_id"]) == ("rollback", True, first)
    assert store.migrations("http-first")[0]["rollback"]
    assert store.protocol("http-first") == "http"
    with pytest.raises(Conflict):
        store.roll_back(first)


def test_a_failing_preflight_keeps_the_old(fleet: DemoFleet, store: Store, call: Call) -> None:
    _on_http(fleet, store)
    caller = call("http-first")
    before = store.connected("http-first", "http")
    fleet.order("http-first", refuse="version")
    store.migrate("http-first", "acp")
    migration = store.migrated("http-first")
    assert (migration["phase"], migration["success"], migration["rollback"]) == ("failed", False, False)
    assert migration["error_message"] == "the agent speaks protocol version 2; 1 is needed"
    after = store.connected("http-first", "http")
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert store.transitions("http-first") == [("disconnected", "connected", "the handshake succeeded")]
    assert caller.new_session()


def test_a_failing_verification_goes_back(
    fleet: DemoFleet, store: Store, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent freezes between its handshake and the switch, which waits for an open prompt."""
    monkeypatch.setattr(carrying, "CARRY_SECONDS", 0.3)
    monkeypatch.setattr(measuring, "PING_SECONDS", 0.3)
    _on_http(fleet, store, "streamer")
    caller = call("streamer")
    session = caller.new_session()
    prompt = caller.begin_prompt(session, "slowly")
    eventually(lambda: fleet.state("streamer")["prompts"])
    store.migrate("streamer", "acp")
    eventually(lambda: store.migrations("streamer")[0]["phase"], lambda phase: phase == "draining")
    fleet.order("streamer", freeze=True)
    assert caller.answer(prompt)["result"]["stopReason"] == "end_turn"
    migration = store.migrated("streamer")
    assert (migration["phase"], migration["success"], migration["rollback"]) == ("rolled_back", False, True)
    assert migration["error_message"].startswith("verification failed: _console/ping was not answered")
    fleet.order("streamer", freeze=False)
    store.connected("streamer", "http")
    assert store.protocol("streamer") == "http"
    assert caller.new_session()


def test_one_at_a_time(fleet: DemoFleet, store: Store, call: Call) -> None:
    _on_http(fleet, store, "streamer")
    caller = call("streamer")
    prompt = caller.begin_prompt(caller.new_session(), "slowly")
    store.migrate("streamer", "acp")
    with pytest.raises(Conflict):
        store.migrate("streamer", "acp")
    caller.answer(prompt)
    assert store.migrated("streamer")["success"]


def test_requests_in_flight_drain_and_new_ones_wait(fleet: DemoFleet, store: Store, call: Call) -> None:
    _on_http(fleet, store, "streamer")
    caller, other = call("streamer"), call("streamer")
    prompt = caller.begin_prompt(caller.new_session(), "slowly")
    eventually(lambda: fleet.state("streamer")["prompts"])
    store.migrate("streamer", "acp")
    eventually(lambda: store.migrations("streamer")[0]["phase"], lambda phase: phase == "draining")
    waiting = other.begin("session/new", cwd="/", mcpServers=[])
    assert caller.answer(prompt)["result"]["content"]  # of the old protocol
    assert other.answer(waiting)["result"]["sessionId"]
    assert store.migrated("streamer")["success"]
    carried = {row["id"]: row["metadata"]["transport"] for row in store.connections("streamer")}
    asked = store.messages("streamer", "rpc_kind = 'request' AND method IN ('session/new', 'session/prompt')")
    assert [carried[row["connection_id"]] for row in asked] == ["http", "http", "acp"]


def test_a_permission_is_granted_while_draining(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    caller.permission = None
    prompt = caller.begin_prompt(caller.new_session(), "hello")
    asked = caller.hear_of("session/request_permission")
    store.migrate("plain", "http")
    eventually(lambda: store.migrations("plain")[-1]["phase"], lambda phase: phase == "draining")
    caller.send(id=asked["id"], result={"outcome": {"outcome": "selected", "optionId": "allow"}})
    assert caller.answer(prompt)["result"]["stopReason"] == "end_turn"
    assert caller.text() == "echo: hello"
    assert store.migrated("plain")["success"]


def test_a_prompt_that_does_not_end_is_interrupted(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    caller.permission = None
    prompt = caller.begin_prompt(caller.new_session(), "hello")
    caller.hear_of("session/request_permission")
    store.migrate("plain", "http", replace(QUICK_PLAN, drain_seconds=1))
    assert caller.answer(prompt)["error"]["message"] == "protocol migration to http"
    assert store.migrated("plain")["success"]
    assert caller.new_session()
    left = store.messages("plain", "rpc_kind = 'unanswered' AND message_type <> 'status'")
    assert [row["method"] for row in left] == ["session/prompt", "session/request_permission"]
