"""`flask migrations`: what each command does, and what it prints for people and for machines."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from app.models import Preflight, ProtocolMigration
from app.protocol.preflight import Check, Verdict
from app.protocol.states import MigrationPhase
from app.services import migration_phases, preflights
from tests.support.commands import ADD, as_json, assert_told, run

if TYPE_CHECKING:
    from flask.testing import FlaskCliRunner
    from sqlalchemy.orm import Session

START = ("migrations", "start", "web-1", "--to", "acp", "--reason", "to see")
WHY = ("--reason", "so be it")


@pytest.fixture
def added(runner: FlaskCliRunner) -> FlaskCliRunner:
    run(runner, *ADD)
    return runner


def test_one_is_prepared_switched_and_shown(added: FlaskCliRunner, session: Session) -> None:
    plan = ("--strategy", "manual", "--drain", "5", "--watch", "0", "--max-error-rate", "0.5")
    started = as_json(added, *START, *plan)
    assert (started["strategy"], started["drain_seconds"]) == ("manual", 5)
    assert (started["verification"]["seconds"], started["verification"]["max_error_rate"]) == (0, 0.5)
    assert_told(added.invoke(args=("migrations", "switch", started["id"], *WHY)), "that is prepared")
    migration = session.get_one(ProtocolMigration, started["id"])
    for phase in (MigrationPhase.PREFLIGHT, MigrationPhase.PREPARED):
        migration_phases.advance(session, migration, phase, "the agent answered")
    preflights.record(session, migration, migration.id, [Check("tls", Verdict.PASS, "TLSv1.3")])
    session.commit()
    assert as_json(added, "migrations", "switch", started["id"], *WHY)["switch_asked_by"] == "command line"
    shown = as_json(added, "migrations", "show", started["id"])
    assert [each["phase"] for each in shown["steps"]] == ["pending", "preflight", "prepared", "prepared"]
    assert shown["preflight"][0]["name"] == "tls"
    told = run(added, "migrations", "show", started["id"]).stdout
    assert "switch requested by command line: so be it" in told
    assert "✓ Encryption: TLSv1.3" in told
    assert as_json(added, "migrations", "cancel", started["id"], *WHY)["cancel_reason"] == "so be it"


def test_one_is_scheduled_on_the_clocks_of_a_zone(added: FlaskCliRunner) -> None:
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=40)).date()
    at = ("--strategy", "scheduled", "--at", f"{day}T09:30", "--zone", "Asia/Kolkata")
    started = as_json(added, *START, *at)
    assert started["scheduled_at"].startswith(f"{day} 04:00:00")
    assert as_json(added, "migrations", "list")[0]["scheduled_zone"] == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--strategy", "scheduled"), "a time belongs to the strategy scheduled"),
        (("--strategy", "scheduled", "--at", "tomorrow"), "'tomorrow' is not a time"),
        (("--strategy", "scheduled", "--at", "2020-01-01T00:00"), "this time has passed"),
        (("--at", "2027-03-28T02:30", "--zone", "Europe/Berlin"), "set forward past"),
        (("--at", "2027-03-28T02:30", "--zone", "Mars"), "'Mars' is not a time zone"),
        (("--pings", "0"), "pings: a number from 1"),
    ],
)
def test_what_is_wrong_with_a_plan_is_told(
    added: FlaskCliRunner, options: tuple[str, ...], words: str
) -> None:
    assert_told(added.invoke(args=(*START, *options)), words)


def test_a_dry_run_ends_with_its_verdict(added: FlaskCliRunner, session: Session) -> None:
    command = ("migrations", "preflight", "web-1", "--wait", "0")
    waited = added.invoke(args=command)
    assert (waited.exit_code, waited.stdout) == (2, "preflight: no gateway holds the container at present\n")
    assert_told(added.invoke(args=command), "under way already")
    asked = session.query(Preflight).one()
    preflights.finish(session, asked, [Check("reachable", Verdict.BLOCK, "nobody answers", "start it")])
    session.commit()
    assert_told(added.invoke(args=START), "the last preflight blocked: nobody answers")
    assert as_json(added, *START, "--anyway")["to_protocol"] == "acp"


def test_the_way_home_is_set_and_shown(added: FlaskCliRunner) -> None:
    command = ("migrations", "way-home", "web-1")
    assert run(added, *command).stdout == "web-1: stays on HTTP after a fallback: a return is not wanted\n"
    assert_told(added.invoke(args=(*command, "--wanted")), "reason: say why")
    assert_told(added.invoke(args=(*command, "--stable", "0", *WHY)), "stable_seconds: a number from 1")
    assert as_json(added, *command, "--wanted", "--cool-down", "60", *WHY) == {
        "container": "web-1",
        "wanted": True,
        "stable_seconds": 300,
        "cool_down_seconds": 60,
        "max_attempts": 3,
        "decision": "stay",
        "words": "stays on HTTP: it is not there because of a fallback",
        "at": None,
    }
    assert as_json(added, *command, "--not-wanted", *WHY)["cool_down_seconds"] == 60
