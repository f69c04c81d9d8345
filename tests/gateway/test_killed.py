"""A gateway killed in the middle: the next one finishes or undoes what it finds."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.sync.client import connect

from app.demo.fleet import FLEET
from app.models import new_id
from app.protocol.strategies import PINGS_ONLY, Plan, Strategy
from tests.support.agents import INITIALIZED, agent, result
from tests.support.callers import Caller
from tests.support.demo import DemoFleet, serving
from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.store import Store

TAKEOVER_SECONDS = 15.0
"""After a kill (reliability: one active connection)."""
FINISHED_SECONDS = 60.0
"""Until a protocol migration is finished or undone (reliability: protocol migrations)."""


@pytest.fixture
def process(settings: Settings) -> Iterator[GatewayProcess]:
    process = GatewayProcess(settings)
    yield process
    process.clear_away()


def _caller(stack: ExitStack, url: str, name: str, token: str) -> Caller:
    authorization = {"Authorization": f"Bearer {token}"}
    return Caller(stack.enter_context(connect(f"{url}/{name}", additional_headers=authorization)))


def test_open_requests_are_recorded_and_numbers_go_on(
    settings: Settings, store: Store, process: GatewayProcess, fleet: DemoFleet
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    url = process.started()
    row, token = store.connected("plain"), store.token()
    with ExitStack() as stack:
        caller = _caller(stack, url, "plain", token)
        caller.permission = None
        caller.begin_prompt(caller.new_session(), "hello")
        caller.hear_of("session/request_permission")
        process.kill()
    with running_gateway(settings) as url, ExitStack() as stack:
        after = eventually(
            lambda: store.connected("plain"), lambda row: row["reconnect_count"], TAKEOVER_SECONDS
        )
        assert after["id"] == row["id"]
        assert _caller(stack, url, "plain", token).new_session()
    gone = "the gateway that held the connection is gone"
    assert ("connected", "error", gone) in store.transitions("plain")
    unanswered = store.messages("plain", "rpc_kind = 'unanswered' AND message_type <> 'status'")
    assert {row["method"] for row in unanswered} == {"session/prompt", "session/request_permission"}
    assert {row["error_message"] for row in unanswered} == {gone}
    numbers = [row["seq"] for row in store.messages("plain")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_second_gateway_waits_for_the_leases_and_takes_over(
    settings: Settings, store: Store, process: GatewayProcess, fleet: DemoFleet
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    process.started()
    row = store.connected("plain")
    with running_gateway(settings):
        held = store.rows("SELECT * FROM container_lease")
        # It has looked for free leases as often as the first has renewed its own.
        eventually(
            lambda: store.rows("SELECT * FROM container_lease"),
            lambda now: (now[0]["expires_at"] - held[0]["expires_at"]).total_seconds() > 2,
        )
        assert fleet.state("plain")["dials"] == 1
        assert store.rows("SELECT epoch FROM container_lease") == [{"epoch": held[0]["epoch"]}]
        process.kill()
        after = eventually(
            lambda: store.connected("plain"), lambda row: row["reconnect_count"], settings.lease_seconds + 5
        )
    assert after["id"] == row["id"]


PHASES = {
    "pending": True,
    "preflight": True,
    "prepared": True,
    "draining": True,
    "switching": True,
    "verifying": True,
    "rolling_back": False,
}
"""What becomes of a migration whose gateway was killed in this phase."""
KILLED_IN = ("preflight", "prepared", "draining", "switching", "verifying")
"""Phases in which the gateway is caught; the other two are arranged in the rows."""
LONG = Plan(drain_seconds=60, verification=PINGS_ONLY)
SHORT = Plan(drain_seconds=3, verification=PINGS_ONLY)
MANUAL = Plan(strategy=Strategy.MANUAL, verification=PINGS_ONLY)


def test_every_phase_is_finished_or_undone(settings: Settings, store: Store, process: GatewayProcess) -> None:
    mute: dict[str, Any] = {"initialize": result(INITIALIZED), "_console/ping": lambda *_: None}
    healthy = mute | {"_console/ping": result({})}
    behaviours = [FLEET["plain"], FLEET["http-first"], replace(FLEET["plain"], name="forgetful")]
    with serving(behaviours) as url, httpx.Client(base_url=url) as client, agent(mute) as mute_url:
        fleet = DemoFleet(url, client)
        for phase in ("pending", "preflight", "prepared", "rolling_back"):
            store.register(phase, fleet.endpoint("http-first"), prefer="http")
        store.register("draining", fleet.endpoint("plain"))
        store.register("switching", fleet.endpoint("forgetful"))
        gateway = process.started()
        for phase in set(PHASES) - {"verifying"}:
            store.connected(phase)
        with ExitStack() as stack:
            token = store.token()
            for phase in ("draining", "switching"):
                caller = _caller(stack, gateway, phase, token)
                caller.permission = None
                caller.begin_prompt(caller.new_session(), "hello")
                caller.hear_of("session/request_permission")
            prepared = store.migrate("prepared", "acp", MANUAL)
            _in_phase(store, "prepared")
            fleet.order("http-first", freeze=True)  # nobody answers the handshake
            store.register("verifying", mute_url)
            store.migrate("preflight", "acp")
            store.migrate("draining", "http", LONG)
            store.migrate("switching", "http", SHORT)
            eventually(lambda: store.migrations("switching")[-1]["phase"], lambda now: now == "draining")
            fleet.order("forgetful", freeze=True)  # nobody takes its session up
            for phase in KILLED_IN:
                _in_phase(store, phase)
            process.kill()
        for name in ("http-first", "forgetful"):
            fleet.order(name, freeze=False)
        mute |= healthy
        store.migrate("pending", "acp")
        store.switch_now(prepared)
        assert {phase: store.migrations(phase)[-1]["phase"] for phase in KILLED_IN} == dict(
            zip(KILLED_IN, KILLED_IN, strict=True)
        )
        _arrange_rolling_back(store)

        with running_gateway(settings):
            for phase, success in PHASES.items():
                migration = store.migrated(phase, patience=FINISHED_SECONDS)
                assert (phase, migration["success"]) == (phase, success)
                assert migration["rollback"] is not success
                protocol = migration["to_protocol"] if success else migration["from_protocol"]
                assert store.protocol(phase) == protocol
                store.connected(phase, protocol)
        ended = _ended(store)
        with running_gateway(settings):
            for phase in PHASES:
                store.connected(phase, store.protocol(phase))
        assert _ended(store) == ended


def _in_phase(store: Store, phase: str) -> None:
    """Wait until the migration of the container that is named after a phase is in it."""
    eventually(lambda: store.migrations(phase)[-1]["phase"], lambda now: now == phase)


def _arrange_rolling_back(store: Store) -> None:
    """A switch to ACP that was committed, and whose verification failed just before the kill."""
    migration = store.migrate("rolling_back", "acp")
    (old,) = store.connections("rolling_back")
    store.rows("UPDATE acp_connection SET status = 'disconnected' WHERE id = %s", old["id"])
    store.rows(
        "INSERT INTO acp_connection (connection_id, container_id, status, version, metadata)"
        " VALUES ('new', %s, 'disconnected', '1.0.0', '{\"transport\": \"acp\"}')",
        old["container_id"],
    )
    store.rows("UPDATE acp_connection SET status = 'connected' WHERE connection_id = 'new'")
    store.rows(
        "UPDATE container_session s SET protocol_type = 'acp', acp_connection_id = k.id"
        " FROM acp_connection k WHERE k.connection_id = 'new' AND s.container_id = k.container_id"
    )
    for phase in ("preflight", "switching", "verifying", "rolling_back"):
        store.rows("UPDATE protocol_migration SET phase = %s WHERE id = %s", phase, migration)


def _ended(store: Store) -> list[dict[str, Any]]:
    """Every migration as it is, with the number of its steps."""
    steps = "(SELECT count(*) FROM protocol_migration_step s WHERE s.migration_id = m.id) AS steps"
    return store.rows(f"SELECT m.*, {steps} FROM protocol_migration m ORDER BY id")


def test_requests_of_a_connection_that_had_just_been_ended_are_recorded_too(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    """Killed after the row had moved, and before the records of what was open were committed."""
    container_id = store.register("plain", fleet.endpoint("plain"))
    (ended,) = store.rows(
        "INSERT INTO acp_connection (connection_id, container_id, status, version, metadata)"
        " VALUES ('ended', %s, 'disconnected', '0.3.1', '{\"transport\": \"http\"}') RETURNING id",
        container_id,
    )
    store.rows(
        "INSERT INTO acp_connection_transition (connection_id, from_status, to_status, reason)"
        " VALUES (%s, 'connected', 'disconnected', 'protocol migration to acp')",
        ended["id"],
    )
    (request,) = store.rows(
        "INSERT INTO acp_message (id, connection_id, direction, message_type, size, seq, rpc_kind, rpc_id)"
        " VALUES (%s, %s, 'outbound', 'command', 9, 1, 'request', '7') RETURNING id",
        new_id(),
        ended["id"],
    )
    store.rows(
        "WITH killed AS (INSERT INTO gateway (id, address, version, heartbeat_at)"
        " VALUES (gen_random_uuid(), '', '', now() - interval '1 minute') RETURNING id)"
        " INSERT INTO container_lease (container_id, gateway_id) SELECT %s, id FROM killed RETURNING epoch",
        container_id,
    )
    with running_gateway(settings):
        (told,) = eventually(lambda: store.messages("plain", "rpc_kind = 'unanswered'"))
    assert (told["connection_id"], told["reply_to"], told["seq"]) == (ended["id"], request["id"], 2)
    assert told["direction"] == "inbound"
    assert store.messages("plain", f"k.id = '{ended['id']}' AND message_type = 'disconnect'") == []
