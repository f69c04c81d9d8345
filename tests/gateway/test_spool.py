"""A database that is away for longer than memory lasts: a spool, drops in an order, a record of each gap."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from app.gateway import spool
from tests.support.agents import agent, reply
from tests.support.gateways import running_gateway
from tests.support.outage import database_away
from tests.support.store import Store
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection
    from websockets.sync.server import ServerConnection

    from app.config import Settings

SECRET = "sk-ant-api03-" + "Zk3vQ9" * 8
UPDATES = ("usage_update", "tool_call_update", "agent_message_chunk")
SENT = 3000


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(spool, "CHUNK_BYTES", 32 * 1024)
    return replace(settings, memory_bytes=100_000, spool_bytes=1_000_000, spool_dir=tmp_path / "spool")


@contextmanager
def flooding_agent(sockets: list[ServerConnection]) -> Iterator[str]:
    def initialize(socket: ServerConnection, frame: dict[str, Any]) -> None:
        reply(socket, frame, result={"protocolVersion": 1})

    with agent({"initialize": initialize}, on_open=sockets.append) as url:
        yield url


def update(number: int) -> str:
    """An update of no session: every caller gets it."""
    told = {"sessionUpdate": UPDATES[number % 3], "text": f"{SECRET} {'.' * 300}"}
    params = {"number": number, "update": told}
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params})


def numbers(socket: ClientConnection, last: int) -> list[int]:
    """The numbers of the updates that a caller gets, up to the one that is told to come last."""
    heard: list[int] = []
    while last not in heard:
        heard.append(json.loads(socket.recv(60))["params"]["number"])
    return heard


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections that were cut
def test_what_an_outage_leaves_out_is_said_where_it_is_missing(
    settings: Settings, store: Store, server_url: str, database_url: str, tmp_path: Path
) -> None:
    sockets: list[ServerConnection] = []
    with flooding_agent(sockets) as url, running_gateway(settings) as gateway:
        store.register("flood", url)
        store.connected("flood")
        headers = {"Authorization": f"Bearer {store.token()}"}
        with connect(f"{gateway}/flood", additional_headers=headers) as caller:
            with database_away(server_url, database_url):
                for number in range(SENT):
                    sockets[-1].send(update(number))
                on_disk = eventually(lambda: _files(tmp_path / "spool"), lambda files: len(files) > 12)
                assert {path.stat().st_mode & 0o077 for path in (tmp_path / "spool").iterdir()} == {0}
                for path in on_disk:
                    content = path.read_bytes()
                    assert SECRET.encode() not in content
                    assert b"session" not in content
            eventually(lambda: not _files(tmp_path / "spool"))
            sockets[-1].send(update(SENT))
            heard = numbers(caller, SENT)
        afterwards = Store(database_url)
        try:
            _assert_complete(afterwards, heard)
            assert afterwards.connected("flood")["reconnect_count"] == 0
        finally:
            afterwards.close()
        assert _files(tmp_path / "spool") == []
    assert list((tmp_path / "spool").iterdir()) == []


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/0*"))


def _assert_complete(store: Store, heard: list[int]) -> None:
    """Walk the records: every number is there, or in the gap that stands in its place."""
    expected, stored, dropped = 0, [], 0
    for row in store.messages("flood", "message_type <> 'connect' AND rpc_kind IN ('gap', 'notification')"):
        if row["rpc_kind"] == "gap":
            gap = row["payload"]["gap"]
            assert gap["count"] == sum(gap["of"].values())
            assert (row["error"], row["message_type"]) == (True, "event")
            expected += gap["count"]
            dropped += gap["count"]
        else:
            assert row["payload"]["params"]["number"] == expected
            stored.append(expected)
            expected += 1
    assert expected == SENT + 1
    assert heard == stored  # what is delivered is recorded, and the other way round
    assert dropped > 0
    seqs = [row["seq"] for row in store.messages("flood")]
    assert seqs == list(range(1, len(seqs) + 1))
    kinds = [UPDATES[number % 3] for number in stored]
    assert kinds.count(UPDATES[0]) < kinds.count(UPDATES[1]) <= kinds.count(UPDATES[2])
