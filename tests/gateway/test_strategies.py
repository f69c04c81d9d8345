"""The strategies of protocol migrations, and what waits, is cancelled, or is judged afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from app.demo.fleet import FLEET
from app.gateway import acp_transport, link
from app.protocol.states import ActionKind, MigrationPhase
from app.protocol.strategies import PINGS_ONLY, Plan, Strategy, Verification
from tests.support.demo import DemoFleet, serving
from tests.support.gateways import running_gateway
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.callers import Call, Caller
    from tests.support.store import Store

NAME = "streamer"
MANUAL = Plan(strategy=Strategy.MANUAL, verification=PINGS_ONLY)


@pytest.fixture
def fleet() -> Iterator[DemoFleet]:
    """The streamer takes most of a second for a prompt, and does not tick."""
    quick = replace(FLEET[NAME], ticks_every=None, pace=0.02)
    with serving([quick]) as url, httpx.Client(base_url=url) as client:
        yield DemoFleet(url, client)


@pytest.fixture
def on_http(fleet: DemoFleet, store: Store) -> None:
    store.register(NAME, fleet.endpoint(NAME), prefer="http")


def scheduled(store: Store, seconds: float) -> Plan:
    (row,) = store.rows("SELECT clock_timestamp() AS now")
    at = row["now"] + dt.timedelta(seconds=seconds)
    return Plan(strategy=Strategy.SCHEDULED, scheduled_at=at, scheduled_zone="UTC", verification=PINGS_ONLY)


def reaches(store: Store, phase: MigrationPhase) -> None:
    eventually(lambda: store.migrations(NAME)[-1]["phase"], lambda now: now == phase)


def phases(store: Store, migration: uuid.UUID) -> list[str]:
    """The phases in their order, each once."""
    query = "SELECT phase FROM protocol_migration_step WHERE migration_id = %s ORDER BY id"
    return list(dict.fromkeys(row["phase"] for row in store.rows(query, migration)))


def long_prompt(fleet: DemoFleet, caller: Caller) -> int:
    prompt = caller.begin_prompt(caller.new_session(), "slowly")
    eventually(lambda: fleet.state(NAME)["prompts"])
    return prompt


@pytest.mark.usefixtures("on_http")
def test_immediate_waits_for_nothing(fleet: DemoFleet, store: Store, call: Call) -> None:
    caller = call(NAME)
    prompt = long_prompt(fleet, caller)
    migration = store.migrate(NAME, "acp", Plan.immediate(PINGS_ONLY))
    assert caller.answer(prompt)["error"]["message"] == "protocol migration to acp"
    assert store.migrated(NAME)["success"]
    assert phases(store, migration) == ["pending", "preflight", "switching", "verifying", "completed"]
    assert caller.new_session()


@pytest.mark.usefixtures("on_http")
def test_scheduled_stays_on_the_old_protocol_until_its_time(store: Store, call: Call) -> None:
    caller = call(NAME)
    plan = scheduled(store, 2)
    migration = store.migrate(NAME, "acp", plan)
    assert store.done(store.ask(NAME, ActionKind.RECONNECT))["success"]
    assert caller.new_session()
    assert phases(store, migration) == ["pending"]
    ended = store.migrated(NAME)
    assert ended["success"]
    (begun,) = store.rows(
        "SELECT at FROM protocol_migration_step WHERE migration_id = %s AND phase = 'preflight'", migration
    )
    assert begun["at"] >= plan.scheduled_at
    assert phases(store, migration)[2:4] == ["draining", "switching"]


@pytest.mark.usefixtures("on_http")
def test_a_schedule_survives_its_gateway(settings: Settings, store: Store) -> None:
    with running_gateway(settings):
        eventually(lambda: store.active(NAME))
        store.migrate(NAME, "acp", scheduled(store, 1))
    assert store.migrations(NAME)[0]["phase"] == "pending"
    with running_gateway(settings):
        assert store.migrated(NAME)["success"]


@pytest.mark.usefixtures("on_http")
def test_manual_is_prepared_and_waits_for_a_person(fleet: DemoFleet, store: Store, call: Call) -> None:
    """Its side connection is lost while it waits; the old one is reconnected, and callers go on."""
    caller = call(NAME)
    migration = store.migrate(NAME, "acp", MANUAL)
    reaches(store, MigrationPhase.PREPARED)
    assert fleet.state(NAME)["live"] == 1
    assert store.done(store.ask(NAME, ActionKind.RECONNECT))["success"]
    assert (caller.new_session(), store.protocol(NAME)) != ("", "acp")
    fleet.order(NAME, drop=True)
    eventually(lambda: fleet.state(NAME)["live"] == 0)
    store.switch_now(migration)
    assert store.migrated(NAME)["success"]
    assert fleet.state(NAME)["dials"] == 2
    assert caller.new_session()
    told = "switch requested by tester: it is time"
    assert told in [row["detail"] for row in store.rows("SELECT detail FROM protocol_migration_step")]


@pytest.mark.usefixtures("on_http")
def test_one_that_is_prepared_uses_what_it_holds_ready(fleet: DemoFleet, store: Store, call: Call) -> None:
    call(NAME)
    migration = store.migrate(NAME, "acp", MANUAL)
    reaches(store, MigrationPhase.PREPARED)
    store.switch_now(migration)
    assert store.migrated(NAME)["success"]
    assert fleet.state(NAME)["dials"] == 1


@pytest.mark.usefixtures("on_http")
def test_one_that_waits_is_cancelled(fleet: DemoFleet, store: Store, call: Call) -> None:
    caller = call(NAME)
    for plan, phase in ((scheduled(store, 600), "pending"), (MANUAL, "prepared")):
        migration = store.migrate(NAME, "acp", plan)
        reaches(store, MigrationPhase(phase))
        store.cancel(migration)
        ended = store.migrated(NAME)
        assert (ended["phase"], ended["success"], ended["rollback"]) == ("failed", False, False)
        assert ended["error_message"] == "cancelled by tester: not today"
    eventually(lambda: fleet.state(NAME)["live"] == 0)
    assert caller.new_session()
    assert store.protocol(NAME) == "http"


@pytest.mark.usefixtures("on_http")
def test_one_whose_dial_hangs_is_cancelled_at_once(
    fleet: DemoFleet, store: Store, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a roll back of many does it, of which each may hang: the dial gives up by itself much later."""
    monkeypatch.setattr(link, "HANDSHAKE_SECONDS", 3600.0)
    monkeypatch.setattr(acp_transport, "OPEN_SECONDS", 3600.0)
    caller = call(NAME)
    fleet.order(NAME, freeze=True)
    migration = store.migrate(NAME, "acp")
    reaches(store, MigrationPhase.PREFLIGHT)
    store.cancel(migration)
    assert store.migrated(NAME)["error_message"] == "cancelled by tester: not today"
    eventually(lambda: fleet.state(NAME)["live"] == 0)
    fleet.order(NAME, freeze=False)
    assert caller.new_session()


@pytest.mark.usefixtures("on_http")
def test_one_that_drains_is_cancelled_and_nothing_is_interrupted(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    caller, other = call(NAME), call(NAME)
    prompt = long_prompt(fleet, caller)
    fleet.order(NAME, freeze=True)
    migration = store.migrate(NAME, "acp", replace(MANUAL, strategy=Strategy.GRACEFUL, drain_seconds=600))
    fleet.order(NAME, freeze=False)
    reaches(store, MigrationPhase.DRAINING)
    waiting = other.begin("session/new", cwd="/", mcpServers=[])
    store.cancel(migration)
    assert store.migrated(NAME)["error_message"] == "cancelled by tester: not today"
    assert other.answer(waiting)["result"]["sessionId"]
    assert caller.answer(prompt)["result"]["stopReason"] == "end_turn"


@pytest.mark.usefixtures("gateway")
def test_what_waits_gives_way_to_a_fallback(fleet: DemoFleet, store: Store) -> None:
    store.register(NAME, fleet.endpoint(NAME), settings={"max_reconnect_attempts": 1})
    store.connected(NAME, "acp")
    store.migrate(NAME, "http", scheduled(store, 600))
    fleet.order(NAME, refuse=True, drop=True)
    store.connected(NAME, "http")
    _, waited, fallback = store.migrations(NAME)
    assert (waited["phase"], fallback["cause"], fallback["success"]) == ("failed", "fallback", True)
    assert waited["error_message"] == fallback["reason"]


@pytest.mark.usefixtures("gateway", "on_http")
def test_a_hold_at_its_time_ends_it(store: Store) -> None:
    eventually(lambda: store.active(NAME))
    store.migrate(NAME, "acp", scheduled(store, 1))
    store.ask(NAME, ActionKind.DISCONNECT, "it is mended")
    ended = store.migrated(NAME)
    assert ended["phase"] == "failed"
    assert ended["error_message"].endswith("disconnect requested by tester: it is mended")
    assert store.active(NAME) is None


@pytest.mark.usefixtures("on_http")
def test_worse_than_is_allowed_and_it_goes_back(store: Store, call: Call) -> None:
    caller = call(NAME)
    watched = Verification(seconds=2, pings=2, max_error_rate=0.1, min_sample=4)
    store.migrate(NAME, "acp", Plan(verification=watched))
    reaches(store, MigrationPhase.VERIFYING)
    for _ in range(4):
        assert "error" in caller.ask("session/prompt", sessionId="nobody's", prompt=[])
    ended = store.migrated(NAME)
    assert (ended["phase"], ended["success"], ended["rollback"]) == ("rolled_back", False, True)
    words = "verification failed: 4 of 6 requests failed (66.7%); 10.0% is allowed"
    assert ended["error_message"] == words
    assert ended["measured"]["before"]["pings"] == 1
    assert (ended["measured"]["after"]["requests"], ended["measured"]["after"]["errors"]) == (4, 4)
    store.connected(NAME, "http")
    assert caller.new_session()
    assert store.protocol(NAME) == "http"


@pytest.mark.usefixtures("on_http")
def test_callers_are_not_held_back_while_it_is_watched(store: Store, call: Call) -> None:
    caller = call(NAME)
    store.migrate(NAME, "acp", Plan(verification=Verification(seconds=1)))
    reaches(store, MigrationPhase.VERIFYING)
    assert caller.new_session()
    assert store.migrations(NAME)[-1]["phase"] == "verifying"
    ended = store.migrated(NAME)
    assert ended["success"]
    assert ended["measured"]["after"]["pings"] == 3
    assert ended["measured"]["after"]["protocol"] == "acp"
