"""The gateway as a process: an orderly stop, and refusals to start."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.config_values import Bind
from app.gateway.database import Database
from app.gateway.run import Gateway
from app.models import new_id
from tests.support.gateways import GatewayProcess
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store


def test_an_orderly_stop(settings: Settings, store: Store, fleet: DemoFleet) -> None:
    """SIGTERM: connections end with the reason, callers get 1001, leases are free, within ten seconds."""
    process = GatewayProcess(settings)
    try:
        store.register("plain", fleet.endpoint("plain"))
        store.register("http-only", fleet.endpoint("http-only"), protocols=("http",), prefer="http")
        store.register("muted", fleet.endpoint("streamer"))
        url = process.started()
        for name in ("plain", "http-only", "muted"):
            store.connected(name)
        fleet.order("streamer", mute=True)  # it will not answer the close either
        fleet.order("hostile", freeze=True)  # nor this one the handshake, in the middle of which we stop
        store.register("frozen", fleet.endpoint("hostile"))
        eventually(
            lambda: store.migrations("frozen"), lambda found: found and found[0]["phase"] == "preflight"
        )
        authorization = {"Authorization": f"Bearer {store.token()}"}
        with connect(f"{url}/plain", additional_headers=authorization) as caller:
            assert process.terminate() == 0
            with pytest.raises(ConnectionClosed) as closed:
                caller.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        for name in ("plain", "http-only", "muted"):
            assert store.active(name) is None
            assert store.transitions(name)[-1] == (
                "connected",
                "disconnected",
                "the gateway is stopping",
            )
            told = store.messages(name, "message_type = 'disconnect'")[-1]
            assert (told["payload"]["reason"], told["payload"]["by"]) == ("the gateway is stopping", "us")
        assert store.migrations("frozen")[0]["phase"] == "preflight"  # for the next gateway
        assert {row["gateway_id"] for row in store.rows("SELECT * FROM container_lease")} == {None}
        assert store.rows("SELECT * FROM gateway") == []
        assert "Traceback" not in process.log()
    finally:
        process.clear_away()


def test_it_stops_while_a_container_is_being_removed(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    process = GatewayProcess(settings)
    try:
        store.register("plain", fleet.endpoint("plain"))
        store.register("removed", fleet.endpoint("plain"))
        process.started()
        store.connected("plain")
        store.connected("removed")
        store.rows("DELETE FROM container WHERE name = 'removed'")  # no bell rings
        assert process.terminate() == 0
        assert store.active("plain") is None
        assert {row["gateway_id"] for row in store.rows("SELECT * FROM container_lease")} == {None}
    finally:
        process.clear_away()


def test_a_database_that_is_not_migrated_is_refused(settings: Settings, store: Store) -> None:
    store.rows("DROP TABLE container_lease")
    process = GatewayProcess(settings)
    try:
        assert process.wait() == 1
        assert 'relation "container_lease" does not exist' in process.log()
        assert "flask --app wsgi db upgrade" in process.log()
        assert "Traceback" not in process.log()
    finally:
        process.clear_away()


def test_a_database_that_is_not_there_is_refused(settings: Settings) -> None:
    absent = replace(settings, database_url="postgresql://127.0.0.1:9/console")
    process = GatewayProcess(absent)
    try:
        assert process.wait() == 1
        assert "Traceback" not in process.log()
        assert "127.0.0.1" in process.log()
    finally:
        process.clear_away()


def test_a_taken_address_is_refused(settings: Settings) -> None:
    first = GatewayProcess(settings)
    try:
        first.started()
        second = GatewayProcess(settings, port=first.port)
        try:
            assert second.wait() == 1
            assert "CONSOLE_GATEWAY_BIND" in second.log()
            assert "Traceback" not in second.log()
        finally:
            second.clear_away()
    finally:
        first.clear_away()


def test_a_ring_that_comes_with_the_stop_does_not_hold_it_up(settings: Settings) -> None:
    """Both wake the holder of leases at once; it must not take the one and overlook the other."""

    async def main() -> None:
        database, heart = Database(str(settings.database_url)), Database(str(settings.database_url), 1)
        settled = replace(settings, gateway_bind=Bind("127.0.0.1", 0))
        gateway = Gateway(settled, new_id(), database, heart=heart, rollouts=heart)
        stop, started = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(gateway.run(stop, lambda _: started.set()))
        await started.wait()
        async with asyncio.timeout(PATIENCE):
            while not gateway._holder._look._waiters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            gateway._holder.look()
            stop.set()
            await running
        heart.close()
        database.close()

    asyncio.run(main())
