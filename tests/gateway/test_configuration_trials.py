"""A changed configuration is tried on real sockets, beside a connection that stays as it is."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.queries import configuration_revisions
from app.services import configuration_trials
from app.services.configurations import ConfigurationValues
from tests.support.agents import INITIALIZED, agent, reply, result
from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.store import TESTER
from tests.support.tls import Authority
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid
    from pathlib import Path

    from websockets.sync.server import ServerConnection

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Row, Store


def attempt(store: Store, name: str, **changed: Any) -> uuid.UUID:
    """Ask for a trial, as an operator does."""
    with store.container(name) as (session, container):
        values = replace(ConfigurationValues.of(container.configuration), **changed)
        return configuration_trials.request(session, container, values, TESTER).id


def tried(store: Store, trial: uuid.UUID) -> Row:
    """Wait until a trial has its outcome."""
    query = "SELECT * FROM acp_connection_configuration_trial WHERE id = %s"
    return eventually(lambda: store.rows(query, trial)[0], lambda row: row["finished_at"])


def settings_of(store: Store, name: str) -> tuple[ConfigurationValues, int]:
    with store.container(name) as (session, container):
        latest = configuration_revisions.latest(session, container.id)
        assert latest is not None
        return ConfigurationValues.of(container.configuration), latest.number


def test_the_live_connection_stays_and_its_callers_are_undisturbed(store: Store, call: Call) -> None:
    seen: list[bool] = []

    def opened(socket: Any) -> None:
        seen.append("PerMessageDeflate" in repr(socket.protocol.extensions))

    with agent({"initialize": result(INITIALIZED), "_test/echo": result({})}, on_open=opened) as url:
        store.register("plain", url, settings={"compression_enabled": False})
        caller = call("plain")
        before, stored = store.connected("plain"), settings_of(store, "plain")
        moves = store.transitions("plain")
        done = tried(store, attempt(store, "plain", compression_enabled=True, idle_timeout=90_000))
        assert done["success"], done
        assert done["outcome"].endswith("ACP 1.0.0, not encrypted, compressed")
        assert done["changed"] == ["idle_timeout", "compression_enabled"]
        found = done["found"]
        assert (found["compression"], found["tls"], found["version"]) == ("permessage-deflate", None, "1.0.0")
        assert found["handshake_ms"] > 0
        assert found["agent_ms"] > 0
        assert seen == [False, True]
        assert store.connected("plain")["id"] == before["id"]
        assert store.transitions("plain") == moves
        assert settings_of(store, "plain") == stored
        assert caller.answer(caller.begin("_test/echo")), "the caller's connection still serves"


@pytest.mark.usefixtures("gateway")
def test_what_cannot_be_is_explained_and_counts_nothing(store: Store, fleet: DemoFleet) -> None:
    endpoint = fleet.endpoint("plain").replace("http:", "https:")
    store.register("plain", fleet.endpoint("plain"))
    before = store.connected("plain")
    with store.container("plain") as (_, container):  # as if the address were to change as well
        container.endpoint_url = endpoint
    done = tried(store, attempt(store, "plain", encryption_level="standard"))
    assert done["success"] is False
    assert done["outcome"].startswith("the handshake failed: ")
    assert "TLS" in done["outcome"]
    assert done["advice"]
    assert store.connections("plain")[0]["id"] == before["id"]
    assert {row["error_count"] for row in store.connections("plain")[:1]} == {0}


@pytest.mark.usefixtures("gateway")
def test_high_without_a_client_certificate_says_what_to_set(store: Store, tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    with agent({"initialize": result(INITIALIZED)}, ssl=ours.server()) as url:
        store.register("plain", url, protocols=("acp",))  # which this gateway does not trust: it stays away
        done = tried(store, attempt(store, "plain", encryption_level="high"))
    assert done["success"] is False
    assert "CONSOLE_TLS_CLIENT_CERT" in done["outcome"]


class TestEncrypted:
    @pytest.fixture
    def ours(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path, "ours")

    @pytest.fixture
    def settings(self, settings: Settings, ours: Authority) -> Settings:
        return replace(settings, tls_ca_file=ours.file, **ours.client())

    @pytest.mark.usefixtures("gateway")
    def test_what_tls_agreed_on_is_told(self, store: Store, ours: Authority) -> None:
        demanding = ours.demanding(ours.server())
        with agent({"initialize": result(INITIALIZED)}, ssl=demanding) as url:
            store.register("plain", url, protocols=("acp",), settings={"encryption_level": "high"})
            before = store.connected("plain")
            done = tried(store, attempt(store, "plain", enable_metrics=False))
            assert done["success"], done
            tls = done["found"]["tls"]
            assert tls["version"] == "TLSv1.3"
            assert tls["valid_until"]
            assert "bits" in tls["cipher"]
            assert "TLSv1.3" in done["outcome"]
            assert store.connected("plain")["id"] == before["id"]


@pytest.mark.usefixtures("gateway")
def test_it_warns_of_what_the_handshake_does_not_refuse(store: Store) -> None:
    def slowly(socket: ServerConnection, frame: dict[str, Any]) -> None:
        time.sleep(0.01)  # so long it takes at least
        reply(socket, frame, result={})

    answers = {"initialize": result(INITIALIZED), "_console/ping": slowly}
    with agent(answers, compression=None) as url:
        store.register("plain", url)
        store.connected("plain")
        uncompressed = tried(store, attempt(store, "plain", compression_enabled=True))
        assert uncompressed["success"]
        assert "does not take up compression" in uncompressed["advice"]
        impatient = tried(store, attempt(store, "plain", compression_enabled=False, idle_timeout=5))
        assert "would be taken for lost" in impatient["advice"]


@pytest.mark.usefixtures("gateway")
def test_a_container_on_http_is_tried_over_http(store: Store, fleet: DemoFleet) -> None:
    store.register("http-only", fleet.endpoint("http-only"), protocols=("http",), prefer="http")
    before = store.connected("http-only")
    done = tried(store, attempt(store, "http-only", idle_timeout=90_000))
    assert done["success"], done
    assert "HTTP 0.3.1" in done["outcome"]
    assert store.connected("http-only")["id"] == before["id"]


def test_what_a_killed_gateway_had_taken_the_next_one_tries(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    process = GatewayProcess(settings)
    try:
        process.started()
        store.connected("plain")
        fleet.order("plain", freeze=True)  # no handshake comes to its end
        trial = attempt(store, "plain", idle_timeout=90_000)
        query = "SELECT * FROM acp_connection_configuration_trial WHERE id = %s"
        taken = eventually(lambda: store.rows(query, trial)[0], lambda row: row["taken_at"])
        process.kill()
        fleet.order("plain", freeze=False)
        with running_gateway(settings):
            done = tried(store, trial)
            assert done["success"], done
            assert done["gateway_id"] != taken["gateway_id"]
    finally:
        process.clear_away()
