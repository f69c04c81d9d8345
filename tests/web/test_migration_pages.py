"""The pages of one protocol migration: planned with a look before, followed, switched, cancelled."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from app.models import new_id
from app.protocol.preflight import Check, Verdict
from app.protocol.states import MigrationPhase
from app.protocol.strategies import Plan, Strategy
from app.queries import preflights as stored
from app.queries import protocol_migrations as queries
from app.services import migration_phases, preflights, protocol_migrations
from tests.web.conftest import TEST

if TYPE_CHECKING:
    import uuid

    from app.models import Container, ProtocolMigration
    from tests.web.conftest import SignIn, World

FILLED = {
    "to_protocol": "acp",
    "strategy": "graceful",
    "drain_seconds": "30",
    "scheduled_at": "",
    "scheduled_zone": "UTC",
    "seconds": "20",
    "pings": "4",
    "max_error_rate": "0.1",
    "min_sample": "5",
    "max_latency_ratio": "2.5",
    "reason": "less latency",
}
ZONE = "Asia/Kolkata"
SOON = (dt.datetime.now(ZoneInfo(ZONE)) + dt.timedelta(days=30)).replace(second=0, microsecond=0)
WRONG_VERSION = Check("handshake", Verdict.BLOCK, "the agent speaks protocol version 2", "update the agent")


def path(container: Container) -> str:
    return f"/containers/{container.id}/protocol-migrations/new"


def intent(world: World, container: Container) -> ProtocolMigration | None:
    world.session.expire_all()
    return queries.open_of(world.session, container.id)


def manual(world: World, container: Container, *phases: MigrationPhase) -> uuid.UUID:
    migration = protocol_migrations.request(
        world.session, container, "acp", reason="r", actor=TEST, plan=Plan(strategy=Strategy.MANUAL)
    )
    for phase in phases:
        migration_phases.advance(world.session, migration, phase, f"entered {phase}")
    world.session.commit()
    return migration.id


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"strategy": "graceful", "drain_seconds": 30}),
        ({"strategy": "immediate"}, {"strategy": "immediate", "drain_seconds": 0}),
        ({"strategy": "manual"}, {"strategy": "manual", "scheduled_at": None}),
        (
            {
                "strategy": "scheduled",
                "scheduled_at": f"{SOON:%Y-%m-%dT%H:%M}",
                "scheduled_zone": ZONE,
            },
            {"strategy": "scheduled", "scheduled_at": SOON, "scheduled_zone": ZONE},
        ),
    ],
)
def test_each_strategy_is_started_with_its_plan(
    sign_in: SignIn, world: World, changed: dict[str, str], expected: dict[str, Any]
) -> None:
    container, migrator = world.container(), sign_in("migrator")
    page = migrator.get(path(container)).text
    assert 'value="graceful" aria-describedby="strategy-graceful-hint" checked' in page
    answer = migrator.post(path(container), data=FILLED | changed)
    migration = intent(world, container)
    assert migration is not None, re.findall(r'class="problem">(.*?)<', answer.text)
    assert answer.headers["Location"] == f"/protocol-migrations/{migration.id}"
    assert {name: getattr(migration, name) for name in expected} == expected
    assert (migration.plan.verification.pings, migration.plan.verification.max_latency_ratio) == (4, 2.5)
    if migration.scheduled_at is not None:
        assert f"{SOON:%Y-%m-%d %H:%M} in Asia/Kolkata" in migrator.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"reason": " "}, "required"),
        ({"strategy": "scheduled"}, "a time belongs to the strategy scheduled"),
        ({"strategy": "scheduled", "scheduled_at": "2020-01-01T00:00"}, "this time has passed"),
        (
            {
                "strategy": "scheduled",
                "scheduled_at": "2027-03-28T02:30",
                "scheduled_zone": "Europe/Berlin",
            },
            "set forward past",
        ),
        ({"scheduled_zone": "Mars/Olympus"}, "Not a valid choice"),
        ({"strategy": "sideways"}, "Not a valid choice"),
        ({"drain_seconds": "-1"}, "a number from 0 to 86400"),
        ({"max_error_rate": "2"}, "a number from 0 to 1"),
        ({"pings": "many"}, "Not a valid integer"),
        ({"to_protocol": "http"}, "on HTTP already"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    sign_in: SignIn, world: World, changed: dict[str, str], problem: str
) -> None:
    container = world.container()
    answer = sign_in("migrator").post(path(container), data=FILLED | changed)
    assert answer.status_code == 422
    assert problem in answer.text
    assert intent(world, container) is None


def test_a_dry_run_is_asked_for_and_the_form_comes_back(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container(), sign_in("migrator")
    answer = migrator.post(f"/containers/{container.id}/preflights", data=FILLED | {"strategy": "manual"})
    asked = stored.latest(world.session, container.id, "acp")
    assert asked is not None
    assert (asked.open, asked.requested_by) == (True, "migrator@example.com")
    page = migrator.get(answer.headers["Location"]).text
    assert "no gateway holds this container now" in page
    assert 'value="manual" aria-describedby="strategy-manual-hint" checked' in page
    assert 'value="less latency"' in page
    again = migrator.post(f"/containers/{container.id}/preflights", data=FILLED, follow_redirects=True)
    assert "under way already" in again.text


def test_what_a_dry_run_blocked_is_started_only_knowingly(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container(), sign_in("migrator")
    preflights.finish(
        world.session,
        preflights.request(world.session, container, "acp", actor=TEST),
        [WRONG_VERSION],
    )
    world.session.commit()
    page = migrator.get(path(container)).text
    assert 'data-dry-run="block"' in page
    assert "What to do: update the agent." in page
    assert "the last preflight blocked" in migrator.post(path(container), data=FILLED).text
    assert intent(world, container) is None
    migrator.post(path(container), data=FILLED | {"anyway": "y"})
    assert intent(world, container) is not None


def test_it_says_whom_it_concerns(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    world.record(connection, {}, direction="outbound", rpc_kind="request", method="session/prompt")
    page = sign_in("migrator").get(path(container)).text
    assert "Interrupted at once: 1 prompt." in page
    assert "not known" in page  # who is connected: nobody holds it


def test_one_is_followed_switched_and_cancelled(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container(), sign_in("migrator")
    prepared = manual(world, container, MigrationPhase.PREFLIGHT, MigrationPhase.PREPARED)
    preflights.record(world.session, queries.get(world.session, prepared), new_id(), [WRONG_VERSION])
    world.session.commit()
    here = f"/protocol-migrations/{prepared}"
    page = migrator.get(here).text
    assert "waits for somebody to switch it" in page
    assert "entered prepared" in page
    assert "update the agent" in page
    assert ('id="switch-now"' in page, 'id="cancel"' in page, 'id="roll-back"' in page) == (True, True, False)
    assert f"flask --app wsgi migrations switch {prepared} --reason=WHY" in page
    assert "required" in migrator.post(f"{here}/switch", follow_redirects=True).text
    assert (
        "It is switched now"
        in migrator.post(f"{here}/switch", data={"reason": "go"}, follow_redirects=True).text
    )
    migration = intent(world, container)
    assert migration is not None
    assert migration.switch_asked_by == "migrator@example.com"
    migrator.post(f"{here}/cancel", data={"reason": "no, stop"})
    migration = intent(world, container)
    assert migration is not None
    assert migration.cancel_reason == "no, stop"
    assert (
        "being cancelled already"
        in migrator.post(f"{here}/cancel", data={"reason": "x"}, follow_redirects=True).text
    )


def test_a_rollback_leads_to_the_one_that_takes_it_back(sign_in: SignIn, world: World) -> None:
    container, migrator = world.container(), sign_in("migrator")
    completed = world.migrated(container, world.connected(container))
    assert 'id="roll-back"' in migrator.get(f"/protocol-migrations/{completed}").text
    answer = migrator.post(f"/protocol-migrations/{completed}/rollback", data={"reason": "slower"})
    migration = intent(world, container)
    assert migration is not None
    assert answer.headers["Location"] == f"/protocol-migrations/{migration.id}"
    assert f'href="/protocol-migrations/{completed}"' in migrator.get(answer.headers["Location"]).text
    assert 'id="roll-back"' not in migrator.get(f"/protocol-migrations/{completed}").text  # it could not work


def test_who_may_only_read_sees_no_form(sign_in: SignIn, world: World) -> None:
    container = world.container()
    migration = manual(world, container)
    viewer = sign_in("viewer")
    assert 'id="asked"' not in viewer.get(f"/protocol-migrations/{migration}").text
    assert viewer.get(path(container)).status_code == 403
    for verb in ("switch", "cancel", "rollback"):
        assert (
            viewer.post(f"/protocol-migrations/{migration}/{verb}", data={"reason": "r"}).status_code == 403
        )
    assert viewer.post(f"/containers/{container.id}/preflights", data=FILLED).status_code == 403
    assert viewer.get(f"/protocol-migrations/{new_id()}").status_code == 404


def test_the_lists_lead_there(sign_in: SignIn, world: World) -> None:
    container = world.container()
    viewer = sign_in("migrator")
    assert f'href="{path(container)}"' in viewer.get(f"/containers/{container.id}").text
    link = f'href="/protocol-migrations/{manual(world, container)}"'
    for page in ("/protocol-migrations", f"/containers/{container.id}"):
        assert link in viewer.get(page).text
