"""Dry runs on real sockets: what each network check finds, beside a connection that stays as it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.services import preflights
from tests.support.agents import INITIALIZED, agent, result
from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.store import TESTER
from tests.support.tls import Authority
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid
    from pathlib import Path

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Row, Store

LOADS = INITIALIZED | {"agentCapabilities": {"loadSession": True}}


def ask(store: Store, name: str, to: str = "acp") -> uuid.UUID:
    with store.container(name) as (session, container):
        return preflights.request(session, container, to, actor=TESTER).id


def looked(store: Store, name: str, to: str = "acp") -> Row:
    return done(store, ask(store, name, to))


def done(store: Store, preflight: uuid.UUID) -> Row:
    """Wait until a dry run is over; its checks by their names."""
    query = "SELECT * FROM protocol_preflight WHERE id = %s"
    row = eventually(lambda: store.rows(query, preflight)[0], lambda row: row["completed_at"])
    return row | {"checks": {each["name"]: each for each in row["checks"]}}


def said(row: Row, *names: str) -> list[str]:
    return [row["checks"][name]["verdict"] for name in names]


def test_a_container_on_http_is_looked_at_over_acp(store: Store, fleet: DemoFleet, call: Call) -> None:
    store.register("http-first", fleet.endpoint("http-first"), prefer="http")
    caller = call("http-first")
    session = caller.new_session()
    before = store.connected("http-first")
    presence = "SELECT callers, sessions FROM container_presence"
    eventually(lambda: store.rows(presence), lambda rows: rows == [{"callers": 1, "sessions": 1}])
    row = looked(store, "http-first")
    assert row["verdict"] == "pass", row["checks"]
    assert row["checks"]["handshake"]["reason"].startswith("ACP 1.0.0 in ")
    assert "session/load" in row["checks"]["sessions"]["reason"]
    assert "all that it does over HTTP" in row["checks"]["capabilities"]["reason"]
    assert (row["blast"]["callers"], row["blast"]["sessions"]) == (1, 1)
    assert store.connected("http-first")["id"] == before["id"]
    assert caller.ask("session/load", sessionId=session, cwd="/", mcpServers=[])
    caller.socket.close()
    eventually(lambda: store.rows(presence), lambda rows: rows == [{"callers": 0, "sessions": 0}])


@pytest.mark.usefixtures("gateway")
def test_what_would_be_missing_over_http_is_named(store: Store) -> None:
    with agent({"initialize": result(LOADS)}) as url:
        store.register("plain", url)
        store.connected("plain")
        refused = looked(store, "plain", "http")  # it answers no GET /health
        assert (refused["verdict"], said(refused, "handshake")) == ("block", ["block"]), refused["checks"]
        assert refused["checks"]["handshake"]["remedy"]


@pytest.mark.usefixtures("gateway")
def test_a_wrong_version_blocks_and_counts_nothing(store: Store, fleet: DemoFleet) -> None:
    store.register("refuser", fleet.endpoint("refuser"), prefer="http")
    before = store.connected("refuser")
    row = looked(store, "refuser")
    assert row["verdict"] == "block"
    assert said(row, "reachable", "tls", "handshake") == ["pass", "pass", "block"]
    assert "version 2" in row["checks"]["handshake"]["reason"]
    assert store.connected("refuser")["id"] == before["id"]
    assert {each["error_count"] for each in store.connections("refuser")} == {0}


@pytest.mark.usefixtures("gateway")
def test_what_an_agent_calls_itself_is_stored_as_text(store: Store) -> None:
    hostile = {"agentInfo": {"name": "<script>\x00 ghp_" + "a1B2" * 9, "version": "1" * 500}}
    with agent({"initialize": result(INITIALIZED | hostile)}) as url:
        store.register("web", url, prefer="http")
        reason = looked(store, "web")["checks"]["handshake"]["reason"]
    assert "by <script>␀" in reason
    assert "a1B2a1B2" not in reason
    assert len(reason) < 300


@pytest.mark.usefixtures("gateway")
def test_who_is_not_there_is_not_reached(store: Store) -> None:
    store.register("gone", "http://127.0.0.1:1", prefer="http")
    row = looked(store, "gone")
    assert said(row, "endpoint", "reachable") == ["pass", "block"]
    assert "tls" not in row["checks"]


@pytest.mark.usefixtures("gateway")
def test_what_rows_forbid_is_not_dialled(store: Store) -> None:
    with agent({"initialize": result(INITIALIZED)}) as url:
        store.register("stopped", url, prefer="http", status="stopped")
        row = looked(store, "stopped")
    assert (said(row, "container"), "reachable" in row["checks"]) == (["block"], False)


class TestEncrypted:
    @pytest.fixture
    def ours(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path, "ours")

    @pytest.fixture
    def settings(self, settings: Settings, ours: Authority) -> Settings:
        return replace(settings, tls_ca_file=ours.file)

    @pytest.mark.usefixtures("gateway")
    @pytest.mark.parametrize(
        ("ends_in", "verdict", "words"),
        [
            (30, "pass", "TLSv1.3, certificate valid until"),
            (3, "warn", "only until"),
            (-1, "block", "has expired"),
        ],
    )
    def test_a_certificate_is_judged(
        self, store: Store, ours: Authority, ends_in: int, verdict: str, words: str
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        dates = {"not_before": now - dt.timedelta(days=9), "not_after": now + dt.timedelta(days=ends_in)}
        with agent({"initialize": result(LOADS)}, ssl=ours.server(**dates)) as url:
            store.register("web", url, prefer="http")
            row = looked(store, "web")
        assert row["checks"]["tls"]["verdict"] == verdict, row["checks"]
        assert words in row["checks"]["tls"]["reason"]
        assert said(row, "reachable") == ["pass"]


@pytest.mark.usefixtures("gateway")
def test_a_migration_looks_at_the_same_and_keeps_it(store: Store, fleet: DemoFleet) -> None:
    store.register("http-first", fleet.endpoint("http-first"), prefer="http")
    store.register("refuser", fleet.endpoint("refuser"), prefer="http")
    for name, phase, verdict in (("http-first", "completed", "pass"), ("refuser", "failed", "block")):
        store.connected(name)
        store.migrate(name, "acp")
        migration = store.migrated(name)
        query = "SELECT * FROM protocol_preflight WHERE migration_id = %s"
        (row,) = store.rows(query, migration["id"])
        assert (migration["phase"], row["verdict"]) == (phase, verdict)
        assert "migration" in {each["name"] for each in row["checks"] if each["verdict"] == "pass"}
    assert "version 2" in migration["error_message"]


def test_one_that_nobody_holds_is_looked_at_once_somebody_does(settings: Settings, store: Store) -> None:
    with agent({"initialize": result(INITIALIZED)}) as url:
        store.register("web", url, prefer="http")
        asked = ask(store, "web")
        with running_gateway(settings):
            assert done(store, asked)["verdict"] == "pass"


def test_what_a_killed_gateway_had_taken_the_next_one_looks_at(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    store.register("http-first", fleet.endpoint("http-first"), prefer="http")
    process = GatewayProcess(settings)
    try:
        process.started()
        store.connected("http-first")
        fleet.order("http-first", freeze=True)  # no handshake comes to its end
        asked = ask(store, "http-first")
        query = "SELECT * FROM protocol_preflight WHERE id = %s"
        eventually(lambda: store.rows(query, asked)[0], lambda row: row["taken_at"])
        process.kill()
        fleet.order("http-first", freeze=False)
        with running_gateway(settings):
            assert done(store, asked)["verdict"] in {"pass", "warn"}
    finally:
        process.clear_away()
