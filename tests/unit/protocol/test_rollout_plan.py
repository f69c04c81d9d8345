"""The plan of a rollout: waves, canaries, windows, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.errors import Invalid
from app.protocol.rollout_judgement import Evidence, too_bad
from app.protocol.rollout_plan import Crossed, Limits, RolloutPlan
from app.protocol.rollout_states import PartState
from app.protocol.rollout_waves import Step, parse, representatives, sizes
from app.protocol.strategies import Plan, Strategy
from app.protocol.windows import DAYS, Window

BERLIN = "Europe/Berlin"
NIGHT = Window(days=("sat",), begins="22:00", ends="04:00", zone=BERLIN)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_steps_say_how_far_it_goes_in_all() -> None:
    assert parse("1, 10 %, 50%,100 %") == (Step(1, False), Step(10, True), Step(50, True), Step(100, True))
    assert sizes(parse("1, 10 %, 50 %, 100 %"), 37) == [1, 3, 15, 18]


def test_whoever_is_left_is_in_the_last_wave() -> None:
    assert sizes(parse("10"), 37) == [10, 27]
    assert sizes(parse("10, 20"), 12) == [10, 2]
    assert sizes(parse("1, 10 %"), 5) == [1, 4]


def test_canaries_chosen_by_hand_are_a_wave_of_their_own() -> None:
    assert sizes(parse("1, 50 %"), 10, 3) == [3, 2, 5]


@settings(deadline=None)
@given(
    some.lists(some.floats(0.01, 100), min_size=1, max_size=6, unique=True),
    some.integers(0, 3000),
    some.integers(0, 5),
)
def test_every_container_is_in_one_wave(percents: list[float], total: int, canaries: int) -> None:
    steps = [Step(each, True) for each in sorted(percents)]
    found = sizes(steps, total, min(canaries, total))
    assert sum(found) == total
    assert all(each > 0 for each in found)


@pytest.mark.parametrize("text", ["", "none", "0", "10 %, 5 %", "2, 1", "1.5", "101 %", "-1", "1 2", "1" * 9])
def test_what_are_no_steps_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="waves"):
        parse(text)


def test_canaries_represent_the_selection() -> None:
    common = {f"a-{n}": ("image 1", "gateway x") for n in range(6)}
    rare = {f"b-{n}": ("image 2", "gateway y") for n in range(2)}
    assert representatives(common | rare, 1) == ["a-0"]
    chosen = representatives(common | rare, 4)
    assert sorted(name[0] for name in chosen) == ["a", "a", "a", "b"]  # three quarters, as in the whole
    assert len(representatives(common | rare, 99)) == 8


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-01-03T21:59:00+01:00", False),
        ("2026-01-03T22:00:00+01:00", True),
        ("2026-01-04T03:59:59+01:00", True),  # Sunday, but the night belongs to Saturday
        ("2026-01-04T04:00:00+01:00", False),
        ("2026-01-04T22:00:00+01:00", False),
        ("2026-07-04T20:00:00+00:00", True),  # 22:00 in summer
        ("2026-01-03T20:00:00+00:00", False),  # 21:00 in winter
    ],
)
def test_a_window_opens_by_the_clocks_of_its_zone(moment: str, opened: bool) -> None:  # noqa: FBT001
    assert NIGHT.is_open(at(moment)) is opened


def test_a_window_that_begins_in_an_hour_that_is_skipped_opens_when_the_clocks_have_jumped() -> None:
    window = Window(days=("sun",), begins="02:30", ends="05:00", zone=BERLIN)
    before = at("2026-03-29T00:59:00+00:00")  # 01:59; then it is 03:00
    assert not window.is_open(before)
    assert window.opens_at(before) == at("2026-03-29T01:00:00+00:00")


def test_an_hour_that_is_shown_twice_is_open_twice() -> None:
    window = Window(days=("sun",), begins="02:30", ends="02:45", zone=BERLIN)
    first, between = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T00:50:00+00:00")
    assert window.opens_at(at("2026-10-24T12:00:00+00:00")) == first
    assert not window.is_open(between)
    assert window.opens_at(between) == at("2026-10-25T01:30:00+00:00")


minutes = some.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@settings(deadline=None)
@given(
    some.sets(some.sampled_from(DAYS), min_size=1),
    minutes,
    minutes,
    some.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    some.integers(1_324_000_000, 1_900_000_000).map(lambda at: dt.datetime.fromtimestamp(at, dt.UTC)),
)
def test_when_it_opens_next_it_is_open_and_was_not_before(
    days: set[str], begins: str, ends: str, zone: str, now: dt.datetime
) -> None:
    window = Window(days=tuple(days), begins=begins, ends=ends, zone=zone)
    window.check()
    opens = window.opens_at(now)
    assert window.is_open(opens)
    assert opens >= now
    if opens - now > dt.timedelta(minutes=1):
        assert not window.is_open(opens - dt.timedelta(minutes=1))


def test_a_plan_is_read_as_it_was_written() -> None:
    plan = RolloutPlan(
        selection={"label": "team=x"},
        canaries=("web-1",),
        window=NIGHT,
        migration=Plan.immediate(),
        limits=Limits(failures=None, crossed=Crossed.ROLL_BACK),
    )
    plan.check()
    assert RolloutPlan.of(json.loads(json.dumps(plan.as_dict()))) == plan


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"to_protocol": "ftp"}, "to_protocol"),
        ({"concurrency": 0}, "concurrency"),
        ({"bake_seconds": -1}, "bake_seconds"),
        ({"pause_after": "sometimes"}, "pause_after"),
        ({"waves": "x"}, "waves"),
        ({"migration": Plan(strategy=Strategy.MANUAL)}, "strategy"),
        ({"limits": Limits(failure_rate=1.5)}, "failure_rate"),
        ({"limits": Limits(latency_ratio=float("nan"))}, "latency_ratio"),
        ({"window": Window(zone="Mars/Base")}, "window_zone"),
        ({"window": Window(begins="25:00")}, "window_begins"),
        ({"window": Window(days=())}, "window_days"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_by_its_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        RolloutPlan(**wrong).check()
    assert refused.value.field == field


def test_what_is_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(Invalid, match="plan"):
        RolloutPlan.of({"concurrency": "many"})


def test_pauses_are_said_by_number_or_for_each() -> None:
    assert [RolloutPlan(pause_after="1, 3").pauses_after(each) for each in (1, 2, 3)] == [True, False, True]
    assert RolloutPlan(pause_after="each").pauses_after(7)
    assert not RolloutPlan().pauses_after(1)


OFF = Limits(failures=None, failure_rate=None, success=None, latency_ratio=None, no_data=False)
DONE, FAILED = PartState.COMPLETED, PartState.FAILED


@pytest.mark.parametrize(
    ("limits", "parts", "evidence", "words"),
    [
        ({"failures": 2}, {FAILED: 1}, {}, None),
        ({"failures": 2}, {FAILED: 2}, {}, r"2 failed \(limit: 2\)"),
        ({"failure_rate": 0.1, "failure_sample": 20}, {DONE: 10, FAILED: 9}, {}, None),
        ({"failure_rate": 0.1, "failure_sample": 20}, {DONE: 18, FAILED: 2}, {}, None),
        ({"failure_rate": 0.1, "failure_sample": 20}, {DONE: 17, FAILED: 3}, {}, "3 of 20 failed"),
        ({"success": 0.99, "success_sample": 100}, {}, {"requests": 99, "errors": 99}, None),
        ({"success": 0.99, "success_sample": 100}, {}, {"requests": 100, "errors": 1}, None),
        ({"success": 0.99, "success_sample": 100}, {}, {"requests": 100, "errors": 2}, "98.00 %"),
        ({"latency_ratio": 2.0}, {}, {"latency_ratio": 2.0, "latency_sample": 1}, None),
        ({"latency_ratio": 2.0}, {}, {"latency_ratio": 2.1, "latency_sample": 1}, "2.1 times"),
        ({"latency_ratio": 2.0, "latency_sample": 3}, {}, {"latency_ratio": 9.0, "latency_sample": 2}, None),
        ({"failures": 1, "no_data": True}, {DONE: 5}, {"silent": 1}, "nothing was heard"),
        ({"failures": 1, "no_data": False}, {DONE: 5}, {"silent": 5}, None),
    ],
)
def test_limits(
    limits: dict[str, Any], parts: dict[PartState, int], evidence: dict[str, Any], words: str | None
) -> None:
    plan = RolloutPlan(limits=Limits(**({each: getattr(OFF, each) for each in OFF.__slots__} | limits)))
    found = too_bad(plan, parts, Evidence(**evidence), baked=True)
    assert (found is None) is (words is None)
    assert re.search(words or "", found or "")


def test_silence_is_no_failure_before_the_bake_time_is_over() -> None:
    plan = RolloutPlan(limits=Limits(failures=1))
    assert too_bad(plan, {DONE: 1}, Evidence(silent=1), baked=False) is None
