"""A saved change is applied at once, and only reconnects where it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.agents import INITIALIZED, agent, result
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

CHANGED = "its address or configuration was changed"


def test_a_keep_alive_interval_is_applied_to_the_open_connection(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))  # asked every minute
    store.connected("plain")
    store.configure("plain", keep_alive_interval=20)
    eventually(
        lambda: store.messages("plain", "message_type = 'status' AND reply_to IS NOT NULL"),
        lambda found: len(found) > 5,
    )
    assert store.transitions("plain")[1:] == []


@pytest.mark.parametrize("compressed", [True, False])
def test_compression_is_negotiated_as_configured(store: Store, compressed: bool) -> None:  # noqa: FBT001
    seen: list[str] = []
    answers = {"initialize": result(INITIALIZED)}
    with agent(answers, on_open=lambda socket: seen.append(repr(socket.protocol.extensions))) as url:
        store.register("plain", url, settings={"compression_enabled": compressed})
        store.connected("plain")
        store.configure("plain", compression_enabled=not compressed)
        eventually(lambda: len(seen) == 2)
        store.connected("plain")
    assert ["PerMessageDeflate" in each for each in seen] == [compressed, not compressed]
    assert ("connected", "disconnected", CHANGED) in store.transitions("plain")


def test_an_encryption_that_the_address_cannot_have_is_refused_by_the_dial(
    fleet: DemoFleet, store: Store
) -> None:
    store.register("plain", fleet.endpoint("plain"), protocols=("acp",))
    store.connected("plain")
    store.change("plain", endpoint_url=fleet.endpoint("plain").replace("http:", "https:"))
    ended = eventually(lambda: store.transitions("plain"), lambda found: len(found) > 1)[1]
    assert ended == ("connected", "disconnected", CHANGED)
    failed = eventually(lambda: store.connections("plain"), lambda rows: rows[-1]["error_count"])[-1]
    assert "SSL" in failed["metadata"]["last_error"] or "TLS" in failed["metadata"]["last_error"]


def test_another_address_is_dialled(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    caller.new_session()
    store.change("plain", endpoint_url=fleet.endpoint("streamer"))
    eventually(
        lambda: store.connected("plain"),
        lambda row: row["metadata"]["agent_info"]["name"] == "demo-streamer",
    )
    assert caller.new_session()


def test_status_messages_are_recorded_only_where_wanted(fleet: DemoFleet, store: Store, call: Call) -> None:
    settings = {"enable_status_events": False, "keep_alive_interval": 20, "enable_metrics": False}
    store.register("plain", fleet.endpoint("plain"), settings=settings)
    caller = call("plain")
    caller.prompt(caller.new_session(), "hello")
    assert any(update["update"]["sessionUpdate"] == "usage_update" for update in caller.updates())
    recorded = store.messages("plain")
    assert {row["message_type"] for row in recorded} == {"connect", "command", "message", "event"}
    assert [row["seq"] for row in recorded] == list(range(1, len(recorded) + 1))
    assert "latency_ms" not in store.connected("plain")["metadata"]


def test_a_stopped_container_is_let_go_and_comes_back(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    store.change("plain", status="stopped")
    eventually(lambda: fleet.state("plain"), lambda state: state["live"] == 0)
    eventually(lambda: store.active("plain"), lambda row: row is None)
    assert store.transitions("plain")[-1] == ("connected", "disconnected", "the container is stopped")
    assert "the container is stopped" in caller.ask("session/new")["error"]["message"]
    store.change("plain", status="running")
    store.connected("plain")
    assert caller.new_session()


def test_a_removed_containers_callers_are_sent_away(fleet: DemoFleet, store: Store, call: Call) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    store.remove("plain")
    with pytest.raises(ConnectionClosed) as closed:
        caller.socket.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "the container was removed")
    eventually(lambda: fleet.state("plain"), lambda state: state["live"] == 0)
    eventually(lambda: store.rows("SELECT epoch FROM container_lease"), lambda leases: leases == [])
