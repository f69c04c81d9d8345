"""Ranges of time, and the views that ask for them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.queries.spans import DAY, HOUR, MINUTE, finest, span
from app.queries.statistics_view import View

NOW = dt.datetime(2026, 11, 24, 10, 7, 30, tzinfo=dt.UTC)


def ago(**time: float) -> dt.datetime:
    return NOW - dt.timedelta(**time)


@pytest.mark.parametrize(
    ("begin", "end", "step"),
    [
        (ago(hours=1), NOW, MINUTE),
        (ago(hours=6), NOW, MINUTE),
        (ago(hours=7), NOW, HOUR),
        (ago(hours=46), ago(hours=45), MINUTE),
        (ago(days=3), ago(days=3, hours=-1), HOUR),  # its minutes are gone
        (ago(days=14), NOW, HOUR),
        (ago(days=15), NOW, DAY),
        (ago(days=100), ago(days=99), DAY),
    ],
)
def test_the_step_is_as_fine_as_it_is_kept(begin: dt.datetime, end: dt.datetime, step: int) -> None:
    assert span(begin, end, NOW).step == step


@pytest.mark.parametrize(
    ("begin", "of_fleet", "step"),
    [
        (ago(days=7), True, MINUTE),
        (ago(days=7), False, HOUR),
        (ago(days=1), False, MINUTE),
        (ago(days=30), True, HOUR),
        (ago(days=100), True, DAY),
    ],
)
def test_a_threshold_is_tried_on_the_finest_steps(begin: dt.datetime, of_fleet: bool, step: int) -> None:  # noqa: FBT001
    assert finest(begin, NOW, NOW, of_fleet=of_fleet).step == step


@given(st.integers(0, 40_000_000), st.integers(1, 40_000_000))
def test_a_range_is_widened_to_whole_steps(before: int, length: int) -> None:
    begin = ago(seconds=before)
    found = span(begin, begin + dt.timedelta(seconds=length), NOW)
    assert begin - found.length < found.begin <= begin
    assert begin <= begin + dt.timedelta(seconds=length) <= found.end
    assert found.end - (begin + dt.timedelta(seconds=length)) < found.length
    assert 1 <= len(found.times) <= 800
    assert found.times[0] == found.begin
    assert found.times[-1] <= NOW


@pytest.mark.parametrize(
    ("begin", "end"), [(NOW, NOW), (NOW, ago(hours=1)), (ago(hours=-1), ago(hours=-2)), (ago(days=800), NOW)]
)
def test_impossible_ranges(begin: dt.datetime, end: dt.datetime) -> None:
    with pytest.raises(Invalid):
        span(begin, end, NOW)


def test_a_rate_needs_time_that_has_passed() -> None:
    minutes = span(ago(hours=1), NOW, NOW)
    assert [minutes.seconds(at) for at in minutes.times[-2:]] == [60, None]
    hours = span(ago(hours=24), NOW, NOW)
    assert [hours.seconds(at) for at in hours.times[-2:]] == [3600, 435]
    begun = NOW - dt.timedelta(minutes=6)
    just_begun = span(begun - dt.timedelta(hours=24), begun, begun)
    assert just_begun.seconds(just_begun.times[-1]) is None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"last": "7d", "by": "container", "sort": "p99", "whole": "1"},
        {"from": "2026-11-20T10:00", "to": "2026-11-20T11:30", "method": "session/prompt"},
        {"container": "web-1", "type": "event", "protocol": "http"},
    ],
)
def test_a_view_is_its_address(given: dict[str, str]) -> None:
    assert View.read(given).in_url() == given
    assert View.read(View.read(given).in_url()) == View.read(given)


@pytest.mark.parametrize(
    "given",
    [
        {"last": "2h"},
        {"by": "payload"},
        {"sort": "name"},
        {"from": "yesterday"},
        {"from": "2999-01-01"},
        {"from": "2026-11-20T10:00", "to": "2026-11-20T09:00"},
        {"connection": "7"},
        {"method": "x" * 400},
        {"container": "a\0b"},
    ],
)
def test_a_view_that_cannot_be(given: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        View.read(given)


def test_times_are_utc_unless_they_say_otherwise() -> None:
    view = View(begin="2026-11-20T12:00+02:00", end="2026-11-20T11:00")
    found = view.span(dt.datetime(2026, 11, 20, 13, tzinfo=dt.UTC))
    assert (found.begin.hour, found.end.hour) == (10, 11)
