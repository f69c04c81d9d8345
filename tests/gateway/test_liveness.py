"""Half-open connections are found, quiet ones are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

WATCHFUL = {"keep_alive_interval": 50, "idle_timeout": 1000}  # milliseconds


def test_a_frozen_agent_behind_a_live_socket_is_found(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"), settings=WATCHFUL)
    store.connected("plain")
    fleet.order("plain", freeze=True)
    lost = eventually(lambda: store.transitions("plain"), lambda found: len(found) > 1)[1]
    assert lost[:2] == ("connected", "error")
    assert lost[2] == "the agent did not answer within 1 s, although its socket is open"
    fleet.order("plain", freeze=False)
    store.connected("plain")


def test_a_mute_connection_is_found(fleet: DemoFleet, store: Store) -> None:
    """The health request is far away here: it is the pongs that are missed."""
    store.register(
        "plain", fleet.endpoint("plain"), settings={"keep_alive_interval": 60_000, "idle_timeout": 1000}
    )
    store.connected("plain")
    eventually(lambda: store.messages("plain", "method = '_console/ping' OR reply_to IS NOT NULL"))
    fleet.order("plain", mute=True)
    lost = eventually(lambda: store.transitions("plain"), lambda found: len(found) > 1)[1]
    assert lost[2] in (
        "nothing was received for 1 s, pongs included",
        "the agent did not answer within 1 s, although its socket is open",  # the mute cut off the first
    )
    store.connected("plain")


def test_a_quiet_healthy_connection_is_kept(fleet: DemoFleet, store: Store) -> None:
    """Longer than many idle time-outs, while the agent says nothing on its own."""
    store.register(
        "plain", fleet.endpoint("plain"), settings={"keep_alive_interval": 60_000, "idle_timeout": 800}
    )
    store.register("clock", fleet.endpoint("plain"), settings={"keep_alive_interval": 100})
    row = store.connected("plain")
    store.connected("clock")
    # Twenty answered health requests of the other container, at every second beat: four seconds.
    eventually(
        lambda: store.messages("clock", "message_type = 'status' AND reply_to IS NOT NULL"),
        lambda found: len(found) >= 20,
    )
    assert store.transitions("plain")[1:] == []
    assert store.connected("plain")["id"] == row["id"]


def test_the_latency_of_health_requests_is_kept(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"keep_alive_interval": 50})
    row = eventually(lambda: store.connected("plain"), lambda row: "latency_ms" in row["metadata"])
    assert 0 < row["metadata"]["latency_ms"] < 15_000
    answer = store.messages("plain", "message_type = 'status' AND reply_to IS NOT NULL")[0]
    (request,) = [row for row in store.messages("plain") if row["id"] == answer["reply_to"]]
    assert (request["method"], request["direction"]) == ("_console/ping", "outbound")
    assert (answer["rpc_kind"], answer["error"]) == ("error", False)
