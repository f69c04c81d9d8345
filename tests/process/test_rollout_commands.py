"""`flask rollouts`: what each command does, and what it prints for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.rollout_options import window_of
from app.errors import Invalid
from app.protocol.windows import DAYS, Window
from tests.support.commands import as_json, assert_told, run

if TYPE_CHECKING:
    from flask.testing import FlaskCliRunner

WHY = ("--reason", "pilot")


@pytest.fixture
def fleet(runner: FlaskCliRunner) -> FlaskCliRunner:
    for name in ("web-1", "web-2", "web-3"):
        run(runner, "containers", "add", name, "http://127.0.0.1:9", "--protocols", "http,acp")
    run(runner, "containers", "add", "old-1", "http://127.0.0.1:9", "--protocols", "http")
    return runner


def test_a_rollout_from_the_preview_to_its_end(fleet: FlaskCliRunner) -> None:
    shown = as_json(fleet, "rollouts", "preview", "--waves", "1", "--canary", "web-2")
    assert shown["waves"] == [["web-2"], ["web-1", "web-3"]]
    assert shown["left_out"] == {"it does not support acp": ["old-1"]}
    (check,) = shown["preflight"]["found"]
    assert (check["name"], check["verdict"], len(check["containers"])) == ("gateway", "warn", 3)
    told = run(fleet, "rollouts", "preview").stdout
    assert "preflight warns, A gateway holds it: no gateway holds the container at present" in told
    assert "3 take part; create it with --count 3" in told
    wrong = fleet.invoke(args=("rollouts", "create", "to acp", *WHY, "--count", "4"))
    assert_told(wrong, "3 containers are concerned, not 4")
    made = as_json(fleet, "rollouts", "create", "to acp", *WHY, "--count", "3", "--search", "web")
    assert (made["state"], made["containers"]) == ("draft", {"waiting": 3})
    it = made["id"]
    assert as_json(fleet, "rollouts", "start", it, *WHY)["count"] == 3
    assert as_json(fleet, "rollouts", "start", it, *WHY, "--count", "3")["state"] == "running"
    assert as_json(fleet, "rollouts", "pause", it, *WHY)["state"] == "paused"
    assert "to acp" in run(fleet, "rollouts", "watch", it).stdout
    refused = fleet.invoke(args=("rollouts", "promote", it, *WHY))
    assert_told(refused, "the present wave is waiting")
    assert as_json(fleet, "rollouts", "resume", it, *WHY)["state"] == "running"
    told = run(fleet, "rollouts", "abort", it, *WHY).stdout
    assert "3 waiting are not begun" in told
    assert "confirm with --count 3" in told
    assert as_json(fleet, "rollouts", "abort", it, *WHY, "--count", "3")["state"] == "aborting"
    whole = as_json(fleet, "rollouts", "show", it, "--containers")
    assert [each["state"] for each in whole["parts"]] == ["skipped"] * 3
    assert [each["what"] for each in whole["events"]][:2] == ["aborted", "resumed"]
    assert whole["controls"]["start"] == "a rollout that is aborting cannot start"
    assert "can be done now" in run(fleet, "rollouts", "show", it).stdout
    assert [each["id"] for each in as_json(fleet, "rollouts", "list", "--state", "aborting")] == [it]
    back = fleet.invoke(args=("rollouts", "rollback", it, *WHY, "--count", "1", "--container", "web-9"))
    assert_told(back, "web-9 takes no part in this rollout")
    assert_told(fleet.invoke(args=("rollouts", "show", "it")), "'it' is not the id of a rollout")


def test_a_window_is_written_in_words() -> None:
    assert window_of("") is None
    assert window_of("22:00-04:00") == Window(begins="22:00", ends="04:00")
    assert window_of("mon,tue 09:00-17:00 Europe/Berlin") == Window(
        days=("mon", "tue"), begins="09:00", ends="17:00", zone="Europe/Berlin"
    )
    assert window_of("08:00-09:00 UTC") == Window(days=DAYS, begins="08:00", ends="09:00")
    for wrong in ("mon", "at night", "08:00-09:00 UTC now"):
        with pytest.raises(Invalid):
            window_of(wrong)
