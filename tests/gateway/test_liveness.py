"""Half-open connections are found, frozen agents told from lost ones, quiet ones left alone."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.agents import INITIALIZED, agent, result
from tests.support.bridge import bridge
from tests.support.chaos import DOWN, UP, chaos
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

HALF_OPEN = "half-open: a ping was not answered and nothing else came for 1 s"
FROZEN = "the agent did not answer within {} s, although its socket is open"
QUIET = {"keep_alive_interval": 60_000, "idle_timeout": 120_000}
"""Milliseconds: what is found within seconds then, the detector has found."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, half_open_seconds=2.0)


def lost(store: Store, name: str = "plain", number: int = 1) -> str:
    """Wait for the end of a connected connection, and return its reason."""

    def reasons() -> list[str]:
        return [reason for before, after, reason in store.transitions(name) if after == "error"]

    return eventually(reasons, lambda found: len(found) >= number)[number - 1]


@pytest.mark.parametrize("fault", ["black_hole", "freeze"])
def test_a_half_open_connection_is_found_and_comes_back(fleet: DemoFleet, store: Store, fault: str) -> None:
    with chaos(fleet.url) as proxy:
        store.register("plain", f"{proxy.url}/plain", settings=QUIET)
        store.connected("plain")
        if fault == "freeze":
            proxy.freeze(DOWN)
        else:
            proxy.black_hole()
        began = time.monotonic()
        assert lost(store) == HALF_OPEN
        assert time.monotonic() - began < 15
        (told,) = eventually(lambda: store.messages("plain", "message_type = 'disconnect'"))
        assert told["payload"] == {"code": 1006, "reason": HALF_OPEN, "by": "network"}
        proxy.heal()
        assert eventually(lambda: store.connected("plain"))["reconnect_count"] == 1


def test_a_stopped_server_is_found(store: Store) -> None:
    """Its kernel acknowledges what it is sent, so that no keep-alive of the kernel's would find it."""
    with bridge() as server:
        store.register("plain", server.url, settings=QUIET)
        store.connected("plain")
        server.process.suspend()
        assert lost(store) == HALF_OPEN
        server.process.resume()
        store.connected("plain")


def test_a_quiet_peer_is_kept_over_many_of_the_detectors_periods(store: Store) -> None:
    pings: list[float] = []
    with agent({"initialize": result(INITIALIZED)}, on_ping=pings.append) as url:
        store.register("plain", url, settings=QUIET)
        row = store.connected("plain")
        eventually(lambda: len(pings) >= 4)
        assert min(after - before for before, after in itertools.pairwise(pings)) > 0.9
        assert len(store.transitions("plain")) == 1
        assert store.connected("plain")["id"] == row["id"]


def test_a_slow_peer_is_kept(fleet: DemoFleet, store: Store) -> None:
    """Latency of half a second each way: a pong comes just in time."""
    with chaos(fleet.url) as proxy:
        store.register("plain", f"{proxy.url}/plain", settings=QUIET | {"keep_alive_interval": 500})
        row = store.connected("plain")
        proxy.slow(0.25)
        eventually(
            lambda: store.messages("plain", "message_type = 'status' AND processing_time >= 400"),
            lambda found: len(found) >= 4,
        )
        assert store.connected("plain")["id"] == row["id"]
        assert len(store.transitions("plain")) == 1


def test_what_is_sent_and_does_not_arrive_is_noticed_while_the_agent_talks(
    fleet: DemoFleet, store: Store
) -> None:
    settings = {"keep_alive_interval": 200, "idle_timeout": 1500}
    with chaos(fleet.url) as proxy:
        store.register("plain", f"{proxy.url}/plain", settings=settings)
        store.connected("plain")
        proxy.freeze(UP)

        def talk() -> list[tuple[str, str, str]]:
            fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_demo/tick"})
            return store.transitions("plain")

        reason = eventually(talk, lambda found: len(found) > 1)[1][2]
        assert reason == (
            "pings were not answered for 1.5 s, although something came: what is sent does not arrive"
        )


def test_a_frozen_agent_is_said_to_be_silent_and_kept_when_it_thaws(store: Store) -> None:
    """The agent's process is stopped; the bridge before it answers every ping."""
    with bridge() as server:
        store.register("plain", server.url, settings={"keep_alive_interval": 100, "idle_timeout": 6000})
        row = store.connected("plain")
        server.agent().suspend()
        silent = eventually(
            lambda: store.connected("plain"), lambda found: "silent_since" in found["metadata"]
        )
        assert silent["status"] == "connected"
        server.agent().resume()
        eventually(lambda: store.connected("plain"), lambda found: "silent_since" not in found["metadata"])
        assert store.connected("plain")["id"] == row["id"]
        assert len(store.transitions("plain")) == 1


def test_a_frozen_agent_is_given_up_with_a_reason_of_its_own(store: Store) -> None:
    with bridge() as server:
        store.register("plain", server.url, settings={"keep_alive_interval": 100, "idle_timeout": 1500})
        store.connected("plain")
        server.agent().suspend()
        assert lost(store) == FROZEN.format("1.5")
        (told,) = eventually(lambda: store.messages("plain", "message_type = 'disconnect'"))
        assert told["payload"] == {"code": 1000, "reason": FROZEN.format("1.5"), "by": "us"}
        back = store.connected("plain")  # the bridge starts another agent
        assert "silent_since" not in back["metadata"]


def test_a_busy_agent_is_kept_though_it_does_not_answer(store: Store) -> None:
    """What it says on its own proves that it lives, whatever it owes us."""
    answers = {"initialize": result(INITIALIZED), "_console/ping": lambda *_: None}
    sockets: list[ServerConnection] = []
    with agent(answers, on_open=sockets.append) as url:
        store.register("busy", url, settings={"keep_alive_interval": 100, "idle_timeout": 1000})

        def talk() -> bool:
            for socket in sockets[-1:]:
                socket.send('{"jsonrpc": "2.0", "method": "_busy/working"}')
            return bool(store.messages("busy", "method = '_busy/working' AND seq > 100"))

        eventually(talk)
        assert [each for each in store.transitions("busy") if each[1] == "error"] == []


def test_the_latency_of_health_requests_is_kept(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"keep_alive_interval": 50})
    row = eventually(lambda: store.connected("plain"), lambda row: "latency_ms" in row["metadata"])
    assert 0 < row["metadata"]["latency_ms"] < 15_000
    answer = store.messages("plain", "message_type = 'status' AND reply_to IS NOT NULL")[0]
    (request,) = [row for row in store.messages("plain") if row["id"] == answer["reply_to"]]
    assert (request["method"], request["direction"]) == ("_console/ping", "outbound")
    assert (answer["rpc_kind"], answer["error"]) == ("error", False)
