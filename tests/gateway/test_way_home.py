"""After a fallback a container returns to ACP by itself: later each time, and not for ever."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from app.protocol.way_home import WayHome
from app.queries import way_home as queries
from app.services import way_home
from tests.support.gateways import running_gateway
from tests.support.store import QUICK_PLAN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import pytest

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Row, Store

WISH = WayHome(wanted=True, stable_seconds=1, cool_down_seconds=1, max_attempts=2)


def fall_back(fleet: DemoFleet, store: Store) -> Row:
    """Have ACP fail beyond its limit, and recover once the container is on HTTP."""
    store.connected("plain", "acp")
    fleet.order("plain", refuse=True)
    fleet.order("plain", drop=True)
    store.connected("plain", "http")
    fleet.order("plain", refuse=False)
    fallback = store.migrated("plain")
    assert (fallback["cause"], fallback["success"]) == ("fallback", True)
    return fallback


def returned(store: Store, number: int) -> Row:
    """Wait for a return, after the first dial, and a fallback before each."""
    eventually(lambda: store.migrations("plain"), lambda found: len(found) > number)
    back = store.migrated("plain", number)
    assert (back["cause"], back["success"], back["requested_by"]) == ("way_home", True, "gateway")
    assert store.protocol("plain") == "acp"
    return back


def test_it_returns_later_each_time_whichever_gateway_holds_it(
    fleet: DemoFleet, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way_home, "RETURN", QUICK_PLAN)
    store.register("plain", fleet.endpoint("plain"), settings={"max_reconnect_attempts": 1})
    with running_gateway(settings):
        store.connected("plain", "acp")
        store.wish_home("plain", WISH)
        first = fall_back(fleet, store)
        assert returned(store, 2)["started_at"] - first["completed_at"] >= dt.timedelta(seconds=1)
        second = fall_back(fleet, store)
    with running_gateway(settings):
        assert returned(store, 4)["started_at"] - second["completed_at"] >= dt.timedelta(seconds=2)
        fall_back(fleet, store)
        with store.container("plain") as (session, container):
            told = queries.of(session, container).told
        assert told == "stays on HTTP after 2 returns; migrate it by hand"
        store.migrate("plain", "acp")  # and this begins the count anew
        third = fall_back(fleet, store)
        assert returned(store, 8)["started_at"] - third["completed_at"] < dt.timedelta(minutes=1)
