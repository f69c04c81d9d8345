"""What networks do to a connection: the state, its reason and the records are right after each fault."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.chaos import DOWN, chaos
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.chaos import Chaos
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

BROKEN = "the connection broke without a close frame"
RESET = f"{BROKEN}: Connection reset by peer"
QUIET = {"keep_alive_interval": 600_000, "idle_timeout": 1_200_000, "compression_enabled": False}
LARGE = random.Random(1).randbytes(300_000).hex()  # noqa: S311 — 600,000 characters that cannot be compressed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, half_open_seconds=2.0)


@pytest.fixture
def proxy(fleet: DemoFleet) -> Iterator[Chaos]:
    with chaos(fleet.url) as proxy:
        yield proxy


def connect(store: Store, proxy: Chaos) -> None:
    store.register("plain", f"{proxy.url}/plain", protocols=("acp",), settings=QUIET)
    store.connected("plain")


def broke(store: Store, reason: str) -> None:
    """The one connection broke for this reason, was reconnected, and the records say so without a gap."""
    row = eventually(lambda: store.connected("plain"), lambda row: row["reconnect_count"] == 1)
    assert store.transitions("plain")[1:] == [
        ("connected", "error", reason),
        ("error", "reconnecting", "trying to reconnect"),
        ("reconnecting", "connected", "the handshake succeeded"),
    ]
    (told,) = eventually(lambda: store.messages("plain", "message_type = 'disconnect'"))
    assert told["payload"] == {"code": 1006, "reason": reason, "by": "network"}
    numbers = [each["seq"] for each in store.messages("plain") if each["connection_id"] == row["id"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_half_closed_connection_is_broken(store: Store, proxy: Chaos) -> None:
    """The peer says (FIN) that nothing more will come, and would go on listening."""
    connect(store, proxy)
    proxy.half_close()
    broke(store, BROKEN)


def test_a_reset_is_told_as_one(store: Store, proxy: Chaos) -> None:
    connect(store, proxy)
    proxy.reset()
    broke(store, RESET)


def test_a_frame_that_is_cut_in_the_middle_is_not_recorded_and_its_request_unanswered(
    fleet: DemoFleet, store: Store, proxy: Chaos, call: Call
) -> None:
    connect(store, proxy)
    caller = call("plain")
    caller.permission = None
    session = caller.new_session()
    prompt = caller.begin_prompt(session, "hello")
    caller.hear_of("session/request_permission")
    proxy.reset_after(100_000, DOWN)
    fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_test/large", "params": {"text": LARGE}})
    assert RESET in caller.answer(prompt)["error"]["message"]
    broke(store, RESET)
    assert store.messages("plain", "method = '_test/large'") == []
    unanswered = store.messages("plain", "rpc_kind = 'unanswered'")
    asked = {row["id"]: row["method"] for row in store.messages("plain", "rpc_kind = 'request'")}
    assert "session/prompt" in {asked[row["reply_to"]] for row in unanswered}


def test_latency_keeps_the_order_and_loses_nothing(
    fleet: DemoFleet, store: Store, proxy: Chaos, call: Call
) -> None:
    connect(store, proxy)
    caller = call("plain")
    proxy.slow(0.05, 500)
    for number in range(20):
        fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_test/count", "params": {"number": number}})
    heard = [caller.hear_of("_test/count")["params"]["number"] for _ in range(20)]
    assert heard == list(range(20))
    recorded = store.messages("plain", "method = '_test/count'")
    assert [row["payload"]["params"]["number"] for row in recorded] == heard
    assert all(after["timestamp"] >= before["timestamp"] for before, after in pairwise(recorded))
    assert len(store.transitions("plain")) == 1


def test_a_large_frame_that_dribbles_is_no_half_open_connection(
    fleet: DemoFleet, store: Store, proxy: Chaos
) -> None:
    """It takes longer than the detector's whole time, and the pong waits behind it."""
    connect(store, proxy)
    proxy.slow(0.02, 4096, DOWN)  # 600,000 bytes take 3 s at the least
    fleet.order("plain", emit={"jsonrpc": "2.0", "method": "_test/large", "params": {"text": LARGE}})
    (row,) = eventually(lambda: store.messages("plain", "method = '_test/large'"))
    assert row["size"] > len(LARGE)
    assert len(store.transitions("plain")) == 1


def test_a_handshake_that_dribbles_succeeds_in_its_time(store: Store, proxy: Chaos) -> None:
    proxy.slow(0.01, 16)
    connect(store, proxy)
    assert store.transitions("plain") == [("disconnected", "connected", "protocol migration to acp")]


def test_a_handshake_that_dribbles_for_too_long_is_given_up(
    store: Store, proxy: Chaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gateway.acp_transport.OPEN_SECONDS", 0.5)
    proxy.slow(0.1, 1)
    store.register("plain", f"{proxy.url}/plain", protocols=("acp",), settings=QUIET)
    failed = eventually(lambda: store.connections("plain"), lambda rows: rows and rows[-1]["error_count"])[-1]
    assert failed["status"] == "disconnected"
    assert failed["metadata"]["last_error"].endswith("/plain/acp did not answer within 0.5 s")
    (told, *_) = eventually(lambda: store.messages("plain", "message_type = 'connect' AND error"))
    assert "did not answer within" in told["error_message"]
    proxy.heal()
    store.connected("plain")
