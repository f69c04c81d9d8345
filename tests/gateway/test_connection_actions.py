"""Reconnect, disconnect and probe on real sockets, and through the death of gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.gateway import actions
from app.services import connection_actions
from tests.support.agents import INITIALIZED, agent, result
from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.store import TESTER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.agents import Answer
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

HTTP = {"protocols": ("http",), "prefer": "http"}
KINDS = pytest.mark.parametrize("protocol", ["acp", "http"])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nothing comes back by waiting here: what rests, rests until it is asked."""
    return replace(settings, redial_interval=600.0)


def by_tester(kind: str) -> str:
    return f"{kind} requested by tester: it hangs"


@KINDS
def test_a_reconnect_is_another_connection(fleet: DemoFleet, store: Store, call: Call, protocol: str) -> None:
    store.register("plain", fleet.endpoint("plain"), protocols=(protocol,), prefer=protocol)
    caller = call("plain")
    before = store.connected("plain")
    done = store.done(store.ask("plain", "reconnect"))
    assert (done["success"], done["outcome"]) == (True, f"connected over {protocol.upper()}")
    after = store.connected("plain")
    assert after["id"] != before["id"]
    assert ("connected", "disconnected", by_tester("reconnect")) in store.transitions("plain")
    (told,) = store.messages("plain", "message_type = 'disconnect'")
    assert (told["payload"]["reason"], told["payload"]["by"]) == (by_tester("reconnect"), "us")
    if protocol == "acp":
        assert caller.new_session()  # callers keep their connection


@pytest.mark.usefixtures("gateway")
def test_a_reconnect_ends_a_rest(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"max_reconnect_attempts": 0})
    store.forbid_fallback("plain")
    store.connected("plain")
    fleet.order("plain", refuse=True, drop=True)
    eventually(lambda: store.active("plain"), lambda row: row is None)
    failed = store.done(store.ask("plain", "reconnect"))
    assert failed["success"] is False
    assert "refused" in failed["outcome"]
    fleet.order("plain", refuse=False)
    assert store.done(store.ask("plain", "reconnect"))["success"]
    store.connected("plain")


@pytest.mark.usefixtures("gateway")
def test_a_first_dial_that_rests_is_tried_at_once(fleet: DemoFleet, store: Store) -> None:
    fleet.order("plain", refuse=True)
    store.register(
        "plain", fleet.endpoint("plain"), protocols=("acp",), settings={"max_reconnect_attempts": 0}
    )
    eventually(lambda: store.migrations("plain"), lambda found: found and found[0]["attempt_count"] > 1)
    failed = store.done(store.ask("plain", "reconnect"))
    assert (failed["success"], "protocol migration" in failed["outcome"]) == (False, True)
    fleet.order("plain", refuse=False)
    assert store.done(store.ask("plain", "reconnect"))["success"]
    assert store.migrated("plain")["success"]


@KINDS
def test_a_disconnect_holds_over_a_gateways_restart(
    settings: Settings, fleet: DemoFleet, store: Store, protocol: str
) -> None:
    store.register("plain", fleet.endpoint("plain"), protocols=(protocol,), prefer=protocol)
    with running_gateway(settings):
        store.connected("plain")
        done = store.done(store.ask("plain", "disconnect"))
        assert (done["success"], done["outcome"]) == (True, "the connection was ended")
        assert store.transitions("plain")[-1] == ("connected", "disconnected", by_tester("disconnect"))
        eventually(lambda: fleet.state("plain"), lambda state: state["live"] == 0)
    held = len(store.messages("plain"))
    with running_gateway(settings):
        # It has looked at the container by the time it has probed it; only the probe has dialled.
        assert store.done(store.ask("plain", "probe"))["success"]
        assert store.active("plain") is None
        assert store.transitions("plain")[-1][2] == by_tester("disconnect")
        assert len(store.messages("plain")) > held
        assert store.done(store.ask("plain", "reconnect"))["success"]
        store.connected("plain")


@pytest.mark.usefixtures("gateway")
def test_a_container_that_is_stopped_and_started_is_held_no_more(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    store.done(store.ask("plain", "disconnect"))
    store.change("plain", status="stopped")
    store.change("plain", status="running")
    store.connected("plain")


def test_callers_of_a_held_container_are_told_why(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    store.done(store.ask("plain", "disconnect"))
    assert caller.ask("session/new")["error"]["message"] == by_tester("disconnect")


@pytest.mark.usefixtures("gateway")
def test_a_probe_measures_both_layers_and_changes_nothing(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.register("http-only", fleet.endpoint("http-only"), **HTTP)  # type: ignore[arg-type]
    before = {name: store.connected(name)["id"] for name in ("plain", "http-only")}
    found = {name: store.done(store.ask(name, "probe")) for name in before}
    assert [each["success"] for each in found.values()] == [True, True]
    assert "over the open connection" in found["plain"]["outcome"]
    assert found["plain"]["measured"].keys() == {"over", "socket_ms", "agent_ms"}
    assert found["http-only"]["measured"].keys() == {"over", "agent_ms"}
    assert {name: store.connected(name)["id"] for name in before} == before
    assert [len(store.transitions(name)) for name in before] == [1, 1]


@pytest.mark.usefixtures("gateway")
def test_a_probe_tells_a_frozen_agent_from_a_lost_one(
    fleet: DemoFleet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PROBE_SECONDS", 0.5)
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    fleet.order("plain", freeze=True)
    frozen = store.done(store.ask("plain", "probe"))
    assert frozen["success"] is False
    assert frozen["outcome"].startswith(
        "the agent did not answer over the open connection, although its socket"
    )
    fleet.order("plain", mute=True)
    muted = store.done(store.ask("plain", "probe"))
    assert muted["outcome"].startswith("the socket did not answer over the open connection: no pong came")
    assert len(store.transitions("plain")) == 1
    fleet.order("plain", freeze=False, drop=True)


@pytest.mark.usefixtures("gateway")
def test_a_probe_that_dials_aside_counts_nothing(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    store.done(store.ask("plain", "disconnect"))
    before = store.connections("plain")
    assert "over a dial aside" in store.done(store.ask("plain", "probe"))["outcome"]
    fleet.order("plain", refuse=True)
    failed = store.done(store.ask("plain", "probe"))
    assert (failed["success"], failed["outcome"].startswith("a dial aside failed: ")) == (False, True)
    told = eventually(lambda: store.messages("plain", "error_message LIKE 'the dial failed%%'"))
    assert len(told) == 1
    now = store.connections("plain")
    same = ("id", "status", "error_count", "reconnect_count", "metadata")
    assert [[row[name] for name in same] for row in now] == [[row[name] for name in same] for row in before]
    numbers = [row["seq"] for row in store.messages("plain", f"k.id = '{now[-1]['id']}'")]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.usefixtures("gateway")
def test_a_container_held_and_probed_before_its_first_dial_still_begins_on_acp(store: Store) -> None:
    behaviour: dict[str, Answer] = {"initialize": result(INITIALIZED)}
    with agent(behaviour) as url:
        store.register("new", url, status="stopped")
        with store.container("new") as (session, container):  # started and held in one transaction
            container.status = "running"
            connection_actions.request(session, container, "disconnect", reason="not yet", actor=TESTER)
        assert store.done(store.ask("new", "probe"))["success"]
        assert store.migrations("new") == []
        assert store.done(store.ask("new", "reconnect"))["success"]
        assert store.migrated("new")["cause"] == "first_dial"


class TestKilled:
    """What a killed gateway had been asked, the next one does."""

    @pytest.fixture
    def process(self, settings: Settings) -> Iterator[GatewayProcess]:
        process = GatewayProcess(settings)
        yield process
        process.clear_away()

    def test_before_it_was_taken(
        self, settings: Settings, store: Store, fleet: DemoFleet, process: GatewayProcess
    ) -> None:
        asked = {"reconnect": "plain", "disconnect": "streamer", "probe": "hostile"}
        for name in asked.values():
            store.register(name, fleet.endpoint(name))
        process.started()
        before = {name: store.connected(name)["id"] for name in asked.values()}
        process.kill()
        actions = {kind: store.ask(name, kind) for kind, name in asked.items()}
        with running_gateway(settings):
            for action in actions.values():
                assert store.done(action)["success"]
            assert store.active("streamer") is None
            assert store.connected("plain")["id"] != before["plain"]
            assert store.connected("hostile")["id"] == before["hostile"]

    def test_after_it_was_taken(
        self, settings: Settings, store: Store, fleet: DemoFleet, process: GatewayProcess
    ) -> None:
        asked = {"reconnect": "plain", "probe": "streamer"}
        for name in asked.values():
            store.register(name, fleet.endpoint(name))
        process.started()
        query = "SELECT * FROM connection_action WHERE id = %s"
        taken = {}
        for kind, name in asked.items():
            store.connected(name)
            fleet.order(name, freeze=True)  # neither a handshake nor a probe comes to its end
            action = store.ask(name, kind)
            taken[kind] = eventually(
                lambda id_=action: store.rows(query, id_)[0], lambda row: row["taken_at"]
            )
        eventually(lambda: fleet.state("plain"), lambda state: state["dials"] == 2)
        process.kill()
        for kind, name in asked.items():
            assert store.rows(query, taken[kind]["id"])[0]["finished_at"] is None
            fleet.order(name, freeze=False)
        with running_gateway(settings):
            done = {kind: store.done(row["id"]) for kind, row in taken.items()}
            for kind, name in asked.items():
                assert done[kind]["success"]
                store.connected(name)
        assert done["probe"]["gateway_id"] != taken["probe"]["gateway_id"]
