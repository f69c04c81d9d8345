"""While the database is away frames wait, and what was acknowledged is there afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.outage import database_away
from tests.support.store import Store
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the store's own cut connections
def test_frames_wait_for_the_database(
    fleet: DemoFleet, store: Store, call: Call, server_url: str, database_url: str
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    session = caller.new_session()
    with database_away(server_url, database_url):
        prompt = caller.begin_prompt(session, "patience")
        with pytest.raises(TimeoutError):
            caller.socket.recv(1)
        assert fleet.state("plain")["prompts"] == 0  # recorded before delivered
    assert caller.answer(prompt)["result"]["stopReason"] == "end_turn"
    afterwards = Store(database_url)
    try:
        numbers = [row["seq"] for row in afterwards.messages("plain")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert afterwards.connected("plain")["reconnect_count"] == 0
    finally:
        afterwards.close()


def test_a_gateway_stops_in_time_although_the_database_is_away(
    settings: Settings, fleet: DemoFleet, server_url: str, database_url: str
) -> None:
    process = GatewayProcess(settings)
    store = Store(database_url)
    try:
        store.register("plain", fleet.endpoint("plain"))
        process.started()
        store.connected("plain")
        store.close()
        with database_away(server_url, database_url):
            assert process.terminate() == 0
            assert "Traceback" not in process.log()
        store = Store(database_url)
        with running_gateway(settings):
            eventually(lambda: store.connected("plain"), lambda row: row["reconnect_count"] == 1)
    finally:
        store.close()
        process.clear_away()
