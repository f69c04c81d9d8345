"""WebSocket frames that break the rules: the right close code, a record of it, and no memory kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.soak import wire
from tests.soak.breaches import MIB, TOO_BIG, bomb, breaches
from tests.support.agents import INITIALIZED, agent, result
from tests.support.callers import Caller
from tests.support.gateways import GatewayProcess
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.server import ServerConnection

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.store import Store

BOMBS = 5
BOMB_MIB = int(os.environ.get("SOAK_BOMB_MIB", "64"))
FRAMES = 4000


class Breaking:
    """An agent that sends bytes of the test's instead of an answer to `_break`."""

    def __init__(self, url: str, sockets: list[ServerConnection], sends: dict[str, bytes]) -> None:
        self.url = url
        self.sockets = sockets
        self._sends = sends

    def arrange(self, data: bytes) -> None:
        self._sends["data"] = data

    def closed_with(self) -> int | None:
        """The code with which the gateway closed the last connection that was closed."""
        return next((each.close_code for each in reversed(self.sockets) if each.close_code), None)


@pytest.fixture
def breaking() -> Iterator[Breaking]:
    sockets: list[ServerConnection] = []
    sends: dict[str, bytes] = {}

    def send(socket: ServerConnection, _frame: dict[str, Any]) -> None:
        socket.socket.sendall(sends["data"])

    answers = {"initialize": result(INITIALIZED), "_break": send}
    with agent(answers, on_open=sockets.append) as url:
        yield Breaking(url, sockets, sends)


def _told(store: Store) -> dict[str, Any]:
    """The end of the container's connection, as recorded: the newest that there is."""
    payload: dict[str, Any] = store.messages("breaking", "message_type = 'disconnect'")[-1]["payload"]
    return payload


def test_a_container_that_breaks_the_rules_is_told_so_and_dialled_again(
    store: Store, call: Call, breaking: Breaking
) -> None:
    # More attempts than breaches: a connection that breaks at once counts as a failed one.
    store.register("breaking", breaking.url, protocols=("acp",), settings={"max_reconnect_attempts": 50})
    caller = call("breaking")
    for number, (name, breach) in enumerate(breaches(masked=False).items(), 1):
        breaking.arrange(breach.data)
        refused = caller.ask("_break")
        assert "the connection to the container was lost" in refused["error"]["message"], name
        eventually(lambda: store.connected("breaking")["reconnect_count"], number.__eq__)
        told = _told(store)
        assert (name, told["code"], told["by"]) == (name, breach.code, "us")
        assert (name, eventually(breaking.closed_with)) == (name, breach.code)


def test_a_caller_that_breaks_the_rules_is_told_so_and_nobody_else(
    store: Store, call: Call, breaking: Breaking
) -> None:
    store.register("breaking", breaking.url, protocols=("acp",))
    beside = call("breaking")
    for name, breach in breaches(masked=True).items():
        caller = call("breaking")
        caller.socket.socket.sendall(breach.data)
        with pytest.raises(ConnectionClosed) as closed:
            caller.socket.recv(PATIENCE)
        assert closed.value.rcvd is not None, name
        assert (name, closed.value.rcvd.code) == (name, breach.code)
    assert beside.ask("_unknown")["error"]["code"] == -32601
    assert store.connected("breaking")["reconnect_count"] == 0


def test_compressed_bombs_end_the_connection_and_leave_no_memory_taken(
    settings: Settings, store: Store, breaking: Breaking
) -> None:
    store.register("breaking", breaking.url, protocols=("acp",))
    authorization = {"Authorization": f"Bearer {store.token()}"}
    breaking.arrange(bomb(BOMB_MIB * MIB))
    process = GatewayProcess(settings)
    try:
        url = process.started()
        store.connected("breaking")
        with connect(f"{url}/breaking", additional_headers=authorization) as socket:
            caller = Caller(socket)
            before = psutil.Process(process.pid).memory_info().rss
            for number in range(1, BOMBS + 1):
                assert "error" in caller.ask("_break")
                eventually(lambda: store.connected("breaking")["reconnect_count"], number.__eq__)
                assert _told(store)["code"] == TOO_BIG
        eventually(
            lambda: psutil.Process(process.pid).memory_info().rss - before, lambda grown: grown <= wire.GROWTH
        )
    finally:
        process.clear_away()


def test_damaged_frames_are_recorded_one_by_one_and_end_nothing(settings: Settings) -> None:
    process = GatewayProcess(settings)
    try:
        wire.run(settings, process, FRAMES, 2 * PATIENCE)  # too few to tell growth from warming up
        assert "Traceback" not in process.log()
    finally:
        process.clear_away()
