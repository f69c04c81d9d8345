"""`flask configurations`: what each command does, and what it prints for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.models import ConfigurationTrial
from app.services import configuration_trials
from tests.support.commands import ADD, as_json, assert_told, run

if TYPE_CHECKING:
    from flask.testing import FlaskCliRunner
    from sqlalchemy.orm import Session

WHY = ("--reason", "slow net")


@pytest.fixture
def added(runner: FlaskCliRunner) -> FlaskCliRunner:
    run(runner, *ADD)
    return runner


def change(runner: FlaskCliRunner, *changes: str) -> None:
    run(runner, "configurations", "change", "web-1", *changes, *WHY)


def test_it_shows_values_beside_defaults_and_earlier_revisions(added: FlaskCliRunner) -> None:
    change(added, "idle_timeout=70000")
    shown = as_json(added, "configurations", "show", "web-1")
    assert (shown["values"]["idle_timeout"], shown["defaults"]["idle_timeout"]) == (70_000, 60_000)
    assert (shown["revision"]["number"], shown["revision"]["reason"]) == (2, "slow net")
    first = as_json(added, "configurations", "show", "web-1", "--revision", "1")
    assert (first["values"]["idle_timeout"], first["revision"]["number"]) == (60_000, 1)
    told = run(added, "configurations", "show", "web-1").stdout
    assert "idle_timeout=70000  (default 60000)" in told
    assert_told(added.invoke(args=("configurations", "show", "web-1", "--revision", "9")), "no revision 9")


def test_revisions_are_listed_and_narrowed(added: FlaskCliRunner) -> None:
    change(added, "idle_timeout=70000")
    change(added, "enable_metrics=no")
    listed = as_json(added, "configurations", "revisions")
    assert [(each["container"], each["number"]) for each in listed] == [
        ("web-1", 3),
        ("web-1", 2),
        ("web-1", 1),
    ]
    narrowed = ("--container", "web", "--field", "idle_timeout", "--since", "2020-01-01", "--limit", "5")
    assert [each["number"] for each in as_json(added, "configurations", "revisions", *narrowed)] == [2]
    before = ("--until", "2020-01-01T00:00+0000")
    assert as_json(added, "configurations", "revisions", *before) == []
    assert run(added, "configurations", "revisions", *before).stdout == "No revisions.\n"
    assert (
        "web-1 2  command line  idle_timeout=70000  “slow net”"
        in run(added, "configurations", "revisions").stdout
    )


def test_it_reverts_unless_another_was_faster(added: FlaskCliRunner) -> None:
    change(added, "idle_timeout=70000", "compression_enabled=off")
    back = ("configurations", "revert", "web-1", "1", *WHY)
    assert_told(added.invoke(args=(*back, "--base", "1")), "revision 2 was saved by command line meanwhile")
    told = run(added, *back, "--base", "2").stdout
    assert told == "Reverted to revision 1, as revision 3: it reconnects.\n"
    assert as_json(added, *back) == {"saved": None}
    assert "what is current already" in run(added, *back).stdout
    assert_told(
        added.invoke(args=("configurations", "change", "web-1", "idle_timeout=5", *WHY, "--base", "1")),
        "revision 3 was saved",
    )


def test_a_trial_is_requested_and_its_outcome_told(added: FlaskCliRunner, session: Session) -> None:
    args = ("configurations", "try", "web-1", "idle_timeout=70000")
    asked = as_json(added, *args)
    assert (asked["changed"], asked["finished_at"]) == (["idle_timeout"], None)
    assert as_json(added, "configurations", "show", "web-1")["values"]["idle_timeout"] == 60_000
    trial = session.get_one(ConfigurationTrial, asked["id"])
    configuration_trials.finish(session, trial, success=False, outcome="refused", advice="renew it")
    session.commit()
    waited = added.invoke(args=(*args, "--wait", "0"))
    assert (waited.exit_code, waited.stdout) == (2, "try: requested, waiting for a gateway\n")
    assert_told(added.invoke(args=args), "under way already")


def test_many_are_previewed_then_changed(added: FlaskCliRunner) -> None:
    run(added, "containers", "add", "web-2", "http://127.0.0.1:9")
    run(added, "configurations", "change", "web-2", "enable_bulk_operations=no", *WHY)
    many = ("configurations", "change-many", "idle_timeout=70000")
    shown = as_json(added, *many, "--search", "web")
    assert (shown["count"], [each["verdict"] for each in shown["containers"]]) == (
        1,
        ["applied live", "left out"],
    )
    assert shown["containers"][0]["changes"] == {"idle_timeout": {"before": 60_000, "after": 70_000}}
    told = run(added, *many, "--container", "web-1", "--container", "web-2").stdout
    assert "idle_timeout: 60000 → 70000" in told
    assert "1 would be changed; confirm with --count 1" in told
    assert_told(added.invoke(args=(*many, "--count", "2", *WHY)), "1 configurations would be changed, not 2")
    assert_told(added.invoke(args=(*many, "--count", "1")), "reason: say why")
    done = as_json(added, *many, "--count", "1", *WHY)
    assert done["changed"] == 1
    listed = as_json(added, "configurations", "revisions", "--limit", "1")
    assert (listed[0]["bulk_id"], listed[0]["container"]) == (done["bulk_id"], "web-1")
