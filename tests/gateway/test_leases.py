"""A gateway whose lease is another's writes nothing more and lets the container go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")


@pytest.mark.parametrize("found_by", ["record", "latency"])
def test_a_lost_lease(fleet: DemoFleet, store: Store, call: Call, found_by: str) -> None:
    """The loss is found when a caller's frame is to be recorded, or when a latency is to be noted."""
    healthy = {"keep_alive_interval": 20, "enable_status_events": False}  # noted, but not recorded
    store.register("plain", fleet.endpoint("plain"), settings=healthy if found_by == "latency" else {})
    caller = call("plain")
    (thief,) = store.rows("INSERT INTO gateway (address, version) VALUES ('thief', '0') RETURNING id")
    store.rows(
        "UPDATE container_lease SET epoch = epoch + 1, gateway_id = %s, expires_at = now() + interval '1 h'",
        thief["id"],
    )
    recorded = len(store.messages("plain"))
    if found_by == "record":
        caller.begin("session/new", cwd="/", mcpServers=[])
    with pytest.raises(ConnectionClosed) as closed:
        caller.socket.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        1001,
        "the gateway no longer holds this container",
    )
    eventually(lambda: fleet.state("plain"), lambda state: state["live"] == 0)
    assert len(store.messages("plain")) == recorded
    assert fleet.state("plain")["sessions"] == 0
    store.rows("UPDATE container_lease SET expires_at = now()")
    assert eventually(lambda: store.connected("plain"), lambda row: row["reconnect_count"] == 1)
