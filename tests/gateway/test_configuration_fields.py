"""What each field of a configuration does, on a real socket, and that a saved change takes effect at once.

Reconnecting is in `test_reconnect_limits`, encryption in the tests of TLS.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from app.errors import Conflict
from tests.support.agents import INITIALIZED, agent, error, result
from tests.support.chaos import DOWN, UP, chaos
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

QUIET = {"keep_alive_interval": 600_000, "idle_timeout": 1_200_000}
LARGE = "a" * 200_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the detector far away, the container's own intervals are seen alone."""
    return replace(settings, half_open_seconds=300.0)


def grows_within_a_second(
    store: Store, read: Callable[[], float], change: dict[str, object], undo: dict[str, object]
) -> None:
    """Save a change, upon which what is read must grow; thrice at most, for others may have the processor."""
    took = []
    while len(took) < 3:
        before, saved = read(), time.monotonic()
        store.configure("plain", **change)
        eventually(read, lambda now, before=before: now > before)
        took.append(time.monotonic() - saved)
        if took[-1] < 1:
            return
        store.configure("plain", **undo)
    pytest.fail(f"it took {took} s")


def test_keep_alive_interval_is_the_beat_of_the_pings_and_half_of_that_of_the_requests(store: Store) -> None:
    pings: list[float] = []
    asked: list[float] = []

    def answer(socket: object, frame: dict[str, object]) -> None:
        asked.append(time.monotonic())
        error("no")(socket, frame)  # type: ignore[arg-type]

    answers = {"initialize": result(INITIALIZED), "_console/ping": answer}
    with agent(answers, on_ping=pings.append) as url:
        store.register("plain", url, settings=QUIET)
        store.connected("plain")
        eventually(lambda: len(asked) == 2)  # by the migration, and when the connection began
        assert pings == []
        change = {"keep_alive_interval": 200}
        grows_within_a_second(store, lambda: len(pings), change, {"keep_alive_interval": 600_000})
        eventually(lambda: len(asked) >= 8)
        assert pings[-1] - pings[0] > 0.18 * (len(pings) - 1)
        assert asked[-1] - asked[2] > 0.36 * (len(asked) - 3)
        assert len(pings) > len(asked)
        assert len(store.transitions("plain")) == 1, "it was applied to the open connection"


def test_idle_timeout_is_for_how_long_nothing_may_come(fleet: DemoFleet, store: Store) -> None:
    with chaos(fleet.url) as proxy:
        store.register("plain", f"{proxy.url}/plain", protocols=("acp",), settings=QUIET)
        store.connected("plain")
        eventually(lambda: store.messages("plain", "message_type = 'status' AND reply_to IS NOT NULL"))
        proxy.black_hole()
        saved = time.monotonic()
        store.configure("plain", idle_timeout=700)
        lost = eventually(lambda: store.transitions("plain"), lambda found: len(found) > 1)[1]
        assert lost == ("connected", "error", "nothing was received for 0.7 s, pongs included")
        assert time.monotonic() - saved < 10


def test_compression_enabled_makes_frames_smaller_both_ways(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    with chaos(fleet.url) as proxy:
        store.register("plain", f"{proxy.url}/plain", settings={"compression_enabled": True})
        caller = call("plain")

        def both_ways(number: int) -> list[int]:
            """Have a large frame pass each way, and return how many bytes that took."""
            before = [proxy.carried(UP), proxy.carried(DOWN)]
            caller.send(method="_test/up", params={"number": number, "text": LARGE})
            fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_test/down", "params": {"text": LARGE}})
            large = "method IN ('_test/up', '_test/down')"
            eventually(lambda: store.messages("plain", large), lambda found: len(found) == 2 * number)
            assert caller.answer(caller.begin("_test/passed"))  # what was sent before has arrived
            return [proxy.carried(way) - size for way, size in zip((UP, DOWN), before, strict=True)]

        assert max(both_ways(1)) < 20_000
        dials = len(proxy.dials)
        store.configure("plain", compression_enabled=False)
        eventually(lambda: len(proxy.dials) > dials)
        store.connected("plain")
        assert min(both_ways(2)) > len(LARGE)


def test_enable_status_events_decides_whether_status_messages_are_recorded(
    fleet: DemoFleet, store: Store
) -> None:
    store.register("plain", fleet.endpoint("plain"), settings={"keep_alive_interval": 20})
    row = store.connected("plain")

    def recorded() -> int:
        return len(store.messages("plain", "message_type = 'status'"))

    eventually(recorded)
    store.configure("plain", enable_status_events=False)
    latency = lambda: store.connected("plain")["metadata"].get("latency_ms")  # noqa: E731 — a question
    for _ in range(3):  # asked and answered again and again, which is not recorded
        before = latency()
        eventually(latency, lambda now, before=before: now != before)
    number = recorded()
    before = latency()
    eventually(latency, lambda now: now != before)
    assert recorded() == number
    grows_within_a_second(store, recorded, {"enable_status_events": True}, {"enable_status_events": False})
    assert store.connected("plain")["id"] == row["id"]
    numbers = [each["seq"] for each in store.messages("plain") if each["connection_id"] == row["id"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_enable_metrics_decides_whether_a_container_is_measured(
    fleet: DemoFleet, store: Store, gateway: str
) -> None:
    settings = {"keep_alive_interval": 20, "enable_metrics": False}
    store.register("plain", fleet.endpoint("plain"), settings=settings)
    row = store.connected("plain")
    address = gateway.removesuffix("/acp").replace("ws://", "http://") + "/metrics"
    authorization = {"Authorization": f"Bearer {store.token()}"}

    def counted() -> float:
        """Sum up the messages of all kinds."""
        text = httpx.get(address, headers=authorization).text
        lines = (line for line in text.splitlines() if line.startswith("console_messages_total{"))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def measured() -> bool:
        return "latency_ms" in store.connected("plain")["metadata"]

    eventually(lambda: len(store.messages("plain", "message_type = 'status'")) > 6)
    assert (counted(), measured()) == (0, False)
    grows_within_a_second(store, counted, {"enable_metrics": True}, {"enable_metrics": False})
    eventually(measured)
    store.configure("plain", enable_metrics=False)
    eventually(lambda: not measured())
    number = counted()
    recorded = len(store.messages("plain"))
    eventually(lambda: len(store.messages("plain")) > recorded + 6)
    assert counted() == number
    assert store.connected("plain")["id"] == row["id"]


def test_enable_bulk_operations_decides_who_takes_part_in_fleet_wide_actions(
    fleet: DemoFleet, store: Store
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.register("apart", fleet.endpoint("plain"), settings={"enable_bulk_operations": False})
    kept = store.connected("apart")
    store.connected("plain")
    assert store.ask_all("reconnect", 1) == 1
    eventually(lambda: len(store.connections("plain")), lambda number: number == 2)
    store.connected("plain")
    assert store.connected("apart")["id"] == kept["id"]
    with pytest.raises(Conflict, match="1 containers take part"):
        store.ask_all("reconnect", 2)
    store.configure("apart", enable_bulk_operations=True)
    eventually(
        lambda: store.rows("SELECT id FROM connection_action WHERE finished_at IS NULL"),
        lambda rows: not rows,
    )
    assert store.ask_all("reconnect", 2) == 2
    eventually(lambda: store.connected("apart")["id"], lambda now: now != kept["id"])
