"""The three limits of reconnecting, seen by who is dialled: `max_reconnect_attempts` and the two delays."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.agents import INITIALIZED, agent, result
from tests.support.chaos import chaos
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.chaos import Chaos
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

LONG = 600_000
"""Milliseconds that no test waits for."""


class Highest(random.SystemRandom):
    """A die that always falls on the highest side, so that each delay is its ceiling."""

    def uniform(self, _a: float, b: float) -> float:
        return b


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, redial_interval=3600)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the gateway's die; to be named before `gateway`."""
    monkeypatch.setattr("app.gateway.run.random.SystemRandom", Highest)


@pytest.fixture
def proxy(fleet: DemoFleet) -> Iterator[Chaos]:
    """The way to the fleet, which notes each dial. Another agent's address is not known to it."""
    with chaos(fleet.url) as proxy:
        yield proxy


def refuse(fleet: DemoFleet, store: Store, proxy: Chaos, **limits: int) -> float:
    """Have a connected container drop and refuse further dials; return when it dropped."""
    store.register("plain", f"{proxy.url}/plain", protocols=("acp",), settings=limits)
    store.connected("plain")
    fleet.order("plain", refuse=True)
    dropped = time.monotonic()
    fleet.order("plain", drop=True)
    return dropped


def gave_up(store: Store) -> str:
    return eventually(lambda: store.transitions("plain"), lambda found: found[-1][1] == "disconnected")[-1][2]


@pytest.mark.usefixtures("loaded", "gateway")
def test_delays_double_up_to_the_longest_and_attempts_are_counted(
    fleet: DemoFleet, store: Store, proxy: Chaos
) -> None:
    limits = {"max_reconnect_attempts": 6, "reconnect_delay": 100, "max_reconnect_delay": 400}
    dropped = refuse(fleet, store, proxy, **limits)
    assert gave_up(store).startswith("gave up after 6 attempts: ")
    waits = [after - before for before, after in pairwise([dropped, *proxy.dials[-6:]])]
    assert len(proxy.dials) == 1 + 6
    assert all(wait >= ceiling for wait, ceiling in zip(waits, (0.1, 0.2, 0.4, 0.4, 0.4, 0.4), strict=True))
    assert waits[-1] < 3.2, "not capped: doubled on, it would be 3.2 s"


@pytest.mark.usefixtures("gateway")
def test_jitter_is_full(fleet: DemoFleet, store: Store, proxy: Chaos) -> None:
    """Twelve draws of 0 to 0.4 s: that all fall within a quarter of that happens once in 300,000 runs."""
    limits = {"max_reconnect_attempts": 12, "reconnect_delay": 400, "max_reconnect_delay": 400}
    dropped = refuse(fleet, store, proxy, **limits)
    gave_up(store)
    waits = [after - before for before, after in pairwise([dropped, *proxy.dials[1:]])]
    assert len(waits) == 12
    assert max(waits) - min(waits) > 0.1


@pytest.mark.usefixtures("loaded", "gateway")
def test_saved_limits_are_applied_to_a_wait_under_way(fleet: DemoFleet, store: Store, proxy: Chaos) -> None:
    """Thrice, and the quickest within a second: who shares the machine may delay one."""
    refuse(fleet, store, proxy, reconnect_delay=LONG, max_reconnect_delay=LONG)
    took = []
    for change in (1, 2, 3):
        eventually(
            lambda: store.active("plain"), lambda row: row and row["status"] in ("error", "reconnecting")
        )
        dials = len(proxy.dials)
        saved = time.monotonic()
        store.configure("plain", reconnect_delay=LONG + change, max_reconnect_delay=LONG + change)
        eventually(lambda: len(proxy.dials), lambda number, before=dials: number > before)
        took.append(proxy.dials[dials] - saved)
    assert min(took) < 1
    store.configure("plain", max_reconnect_attempts=0)
    assert gave_up(store).startswith("gave up after 0 attempts: ")


@pytest.mark.usefixtures("gateway")
def test_a_container_that_drops_each_connection_at_once_is_given_up(store: Store) -> None:
    """A handshake that succeeds does not begin the series anew; a connection that proves stable does."""
    dials: list[float] = []
    answers = {"initialize": result(INITIALIZED)}
    with agent(answers, on_open=lambda _: dials.append(time.monotonic())) as url:
        limits = {"max_reconnect_attempts": 4, "reconnect_delay": 10, "max_reconnect_delay": LONG}
        store.register("plain", url, protocols=("acp",), settings=limits)
        store.connected("plain")
        answers["_console/ping"] = lambda socket, _: socket.close(4000, "tired")
        store.configure("plain", keep_alive_interval=10)
        assert gave_up(store) == "gave up after 4 attempts: tired"
        assert len(dials) == 1 + 4
        (row,) = [row for row in store.connections("plain") if row["reconnect_count"]]
        assert (row["reconnect_count"], row["error_count"]) == (4, 5)


@pytest.mark.usefixtures("gateway")
def test_one_that_flaps_falls_back_to_http(fleet: DemoFleet, store: Store, proxy: Chaos) -> None:
    limits = {"max_reconnect_attempts": 2, "reconnect_delay": 10, "max_reconnect_delay": LONG}
    store.register("plain", f"{proxy.url}/plain", settings=limits)
    for number in range(3):
        eventually(lambda: store.connected("plain", "acp"), lambda row, n=number: row["reconnect_count"] == n)
        fleet.order("plain", drop=True)
    store.connected("plain", "http")
    assert store.migrated("plain")["cause"] == "fallback"
