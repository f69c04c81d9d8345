"""SIGTERM while the database is away and callers are held back: the gateway ends all the same, in time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.gateways import GatewayProcess
from tests.support.outage import database_away
from tests.support.store import Store

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from app.config import Settings
    from tests.support.demo import DemoFleet

MIB = 1024 * 1024
FRAMES, MEMORY_MIB = 60, 8
"""Frames of 1 MiB: more than the gateway keeps waiting (half of its memory), and the sockets between."""


def _flood(caller: ClientConnection, text: str) -> None:
    for _ in range(FRAMES):
        caller.send(text)


def test_a_caller_that_is_held_back_does_not_hold_the_gateway_up(
    settings: Settings, fleet: DemoFleet, server_url: str, database_url: str
) -> None:
    process = GatewayProcess(replace(settings, memory_bytes=MEMORY_MIB * MIB))
    store = Store(database_url)
    try:
        store.register("plain", fleet.endpoint("plain"))
        token, url = store.token(), process.started()
        store.connected("plain")
        store.close()
        headers = {"Authorization": f"Bearer {token}"}
        with connect(f"{url}/plain", additional_headers=headers, open_timeout=10) as caller:
            params = {"blob": "x" * MIB}
            text = json.dumps({"jsonrpc": "2.0", "method": "_flood", "params": params})
            with database_away(server_url, database_url):
                caller.socket.settimeout(2)
                with pytest.raises((ConnectionClosed, TimeoutError, OSError)):
                    _flood(caller, text)
                assert process.terminate() == 0
                assert "Traceback" not in process.log()
    finally:
        store.close()
        process.clear_away()
