"""How a container is first dialled: over which protocol, and what is stored of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.agents import INITIALIZED, agent, error, result
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

NOBODY = "http://127.0.0.1:9"  # the discard service, which no machine of ours runs


def test_a_new_container_that_prefers_acp_is_brought_up_on_it(fleet: DemoFleet, store: Store) -> None:
    store.register("plain", fleet.endpoint("plain"))
    row = store.connected("plain")
    migration = store.migrated("plain")
    assert migration["success"]
    assert migration["cause"] == "first_dial"
    assert migration["reason"] == "first dial: the container prefers ACP"
    assert (migration["from_protocol"], migration["to_protocol"]) == ("http", "acp")
    assert not migration["rollback"]
    assert store.protocol("plain") == "acp"
    assert (row["version"], row["capabilities"]["loadSession"]) == ("1.0.0", True)
    assert row["metadata"]["agent_info"]["name"] == "demo-plain"
    assert store.transitions("plain") == [("disconnected", "connected", "protocol migration to acp")]
    opened, asked, answered = store.messages("plain", "message_type = 'connect'")
    (announced,) = (
        value
        for name, value in opened["payload"]["opened"]["headers"].items()
        if name.lower() == "acp-connection-id"
    )
    assert row["connection_id"] == announced
    assert (asked["direction"], asked["method"], asked["seq"]) == ("outbound", "initialize", 2)
    assert answered["reply_to"] == asked["id"]
    assert answered["processing_time"] is not None


def test_a_container_on_http_only_speaks_the_old_version(fleet: DemoFleet, store: Store) -> None:
    store.register("http-only", fleet.endpoint("http-only"), protocols=("http",), prefer="http")
    row = store.connected("http-only", "http")
    assert row["version"] == "0.3.1"
    assert store.protocol("http-only") == "http"
    assert store.migrations("http-only") == []
    assert eventually(lambda: store.messages("http-only", "message_type = 'status'"))[0]["payload"]["health"]


def test_a_container_may_name_another_path(fleet: DemoFleet, store: Store) -> None:
    store.register("elsewhere", fleet.url, acp_path="/plain/acp")
    assert store.connected("elsewhere")["metadata"]["agent_info"]["name"] == "demo-plain"


def test_a_connection_id_that_another_row_has_is_kept_beside(store: Store) -> None:
    with agent({"initialize": result(INITIALIZED)}, {"acp-connection-id": "the same"}) as url:
        store.register("first", url)
        assert store.connected("first")["connection_id"] == "the same"
        store.register("second", url)
        row = store.connected("second")
    assert row["connection_id"] == str(row["id"])
    assert row["metadata"]["peer_connection_id"] == "the same"


def test_a_container_that_refuses_acp_is_served_over_http(fleet: DemoFleet, store: Store) -> None:
    store.register("refuser", fleet.endpoint("refuser"))
    store.connected("refuser", "http")
    (migration,) = store.migrations("refuser")
    assert (migration["success"], migration["rollback"]) == (False, False)
    assert migration["error_message"] == "the agent speaks protocol version 2; 1 is needed"
    assert store.protocol("refuser") == "http"
    refused = next(row for row in store.connections("refuser") if row["metadata"]["transport"] == "acp")
    assert (refused["status"], refused["error_count"]) == ("disconnected", 1)


def test_nobody_listening_is_counted_and_told(store: Store) -> None:
    store.register("nobody", NOBODY)

    def counted() -> bool:
        return any(
            row["error_count"] > 2 and row["metadata"]["transport"] == "http"
            for row in store.connections("nobody")
        )

    eventually(counted)
    over_http = store.connections("nobody")[-1]
    assert over_http["status"] == "disconnected"
    assert "connection" in over_http["metadata"]["last_error"].lower()
    assert "127.0.0.1:9" in over_http["metadata"]["last_error"]
    (migration,) = store.migrations("nobody")
    assert migration["error_message"] == "ws://127.0.0.1:9/acp: Connection refused"
    failed = store.messages("nobody", "error")
    assert {row["message_type"] for row in failed} == {"connect"}


def test_a_container_that_can_do_only_acp_is_tried_until_it_answers(fleet: DemoFleet, store: Store) -> None:
    fleet.order("acp-only", refuse=True)
    store.register("acp-only", fleet.endpoint("acp-only"), protocols=("acp",))
    eventually(lambda: store.migrations("acp-only"), lambda found: found and found[0]["attempt_count"] > 2)
    fleet.order("acp-only", refuse=False)
    assert store.migrated("acp-only")["success"]
    assert store.protocol("acp-only") == "acp"


def test_a_container_that_can_do_only_acp_is_tried_anew_after_a_failed_verification(store: Store) -> None:
    answers = {"initialize": result(INITIALIZED), "_console/ping": lambda socket, _: socket.close()}
    with agent(answers) as url:
        store.register("leaver", url, protocols=("acp",))
        first, second = eventually(lambda: store.migrations("leaver")[:2], lambda found: len(found) == 2)
        assert (first["success"], first["rollback"], second["from_protocol"]) == (False, True, "http")
        del answers["_console/ping"]
        store.connected("leaver", "acp")
        assert store.protocol("leaver") == "acp"


def test_what_a_lying_agent_says_of_itself_can_be_stored(store: Store) -> None:
    """PostgreSQL's text holds no NUL; headers may hold bytes that are no UTF-8."""
    odd = {"agentInfo": {"name": "\x00"}, "agentCapabilities": {"\x00": "\x00"}}
    with agent({"initialize": result(INITIALIZED | odd)}) as url:
        store.register("odd", url)
        store.connected("odd")


def test_what_a_refusing_agent_says_can_be_stored(store: Store) -> None:
    with agent({"initialize": error("no \x00\ud83d")}) as url:
        store.register("odd", url, protocols=("acp",))
        eventually(lambda: store.migrations("odd"), lambda found: found and found[0]["attempt_count"] > 2)
