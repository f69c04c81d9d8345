"""A threshold tried on rollups: what is judged, in which steps, and what an address may hold."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from app.errors import Invalid
from app.queries.threshold_trials import Trial, replay
from app.services import rollups
from tests.support.records import MOMENT, connect, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container

NOW = MOMENT + dt.timedelta(minutes=10, seconds=30)
ERRORS = [0, 3, 4, 0, 5, 0, 0, 9]
"""Of each minute from MOMENT on, beside three messages without one; the seventh minute has nothing at all."""


@pytest.fixture
def world(session: Session, register: Callable[..., Container]) -> Session:
    connection = connect(session, register("a").id)
    for minute, errors in enumerate(ERRORS):
        at = {"timestamp": MOMENT + dt.timedelta(minutes=minute)}
        plain = 0 if minute == 6 else 3
        wrong = {**at, "error": True, "method": "m", "processing_time": 700}
        record(session, connection, [{**at, "method": "m", "processing_time": 5}] * plain + [wrong] * errors)
    rollups.add(session)
    return session


def tried(world: Session, **given: str) -> tuple[list[float | None], list[tuple[int, int, int, float]]]:
    found = replay(world, Trial.read({"last": "1h", **given}), NOW)
    first = next(place for place, value in enumerate(found.values) if value is not None)
    at = found.span.times.index(MOMENT)
    return list(found.values[at:]), [
        (each.begin - at, each.fired - at, each.end - at, each.worst) for each in found.firings
    ] + ([] if first == at else [(first - at, 0, 0, 0.0)])


def test_errors_a_minute(world: Session) -> None:
    values, fired = tried(world, measure="errors", value="2.5")
    assert values == [0, 3, 4, 0, 5, 0, 0, 9, 0, 0]  # the next is not over
    assert fired == [(1, 2, 3, 4), (4, 5, 5, 5), (7, 8, 8, 9)]
    assert tried(world, measure="errors", value="2.5", lasting="2")[1] == [(1, 3, 3, 4)]


def test_a_rate_is_judged_only_where_there_are_messages(world: Session) -> None:
    values, fired = tried(world, measure="rate", value="55")
    assert [value and round(value) for value in values] == [0, 50, 57, 0, 62, 0, None, 75, None, None]
    assert [each[0] for each in fired] == [2, 4, 7]


def test_silence_is_below_once_anything_was_heard(world: Session) -> None:
    values, fired = tried(world, measure="messages", side="below", value="0.01")
    assert values[6] == values[8] == values[9] == 0
    assert [each[:3] for each in fired] == [(6, 7, 7), (8, 9, 10)]


def test_percentiles(world: Session) -> None:
    values, fired = tried(world, measure="p50", value="100")
    assert [value is not None and value > 600 for value in values[:5]] == [False, False, True, False, True]
    assert len(fired) == 3


def test_how_long_it_would_have_been_on(world: Session) -> None:
    found = replay(world, Trial.read({"last": "1h", "measure": "errors", "value": "2.5"}), NOW)
    assert found.seconds == 4 * 60  # told at a minute's end, and on for each that is crossed
    last = found.firings[-1]
    assert found.begins(last) == MOMENT + dt.timedelta(minutes=7)
    assert found.fires(last) == found.ends(last) == MOMENT + dt.timedelta(minutes=8)
    assert found.judged[-1] == 9


def test_what_is_crossed_still_has_no_end(world: Session) -> None:
    trial = Trial.read({"last": "1h", "measure": "messages", "side": "below", "value": "0.01"})
    found = replay(world, trial, NOW)
    assert [found.ends(each) for each in found.firings] == [MOMENT + dt.timedelta(minutes=7), None]


def test_it_is_narrowed_as_statistics_are(world: Session) -> None:
    nothing = replay(world, Trial.read({"value": "1", "last": "1h", "method": "other"}), NOW)
    assert not nothing.judged
    assert not nothing.firings
    of_it = replay(world, Trial.read({"value": "55", "last": "1h", "container": "a"}), NOW)
    assert len(of_it.firings) == 3


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "value"),
        ({"value": "much"}, "value"),
        ({"value": "nan"}, "value"),
        ({"value": "inf"}, "value"),
        ({"value": "-1"}, "value"),
        ({"value": "1" * 400}, "value"),
        ({"value": "1", "measure": "seq"}, "measure"),
        ({"value": "1", "side": "beside"}, "side"),
        ({"value": "1", "lasting": "0"}, "lasting"),
        ({"value": "1", "lasting": "1001"}, "lasting"),
        ({"value": "1", "lasting": "1.5"}, "lasting"),
        ({"value": "1", "last": "2y"}, "last"),
        ({"value": "1", "container": "a\0b"}, "container"),
    ],
)
def test_what_an_address_cannot_hold(given: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Trial.read(given)
    assert refused.value.field == field


def test_a_decimal_comma_is_a_point() -> None:
    assert Trial.read({"value": " 2,5 "}).threshold.value == 2.5
    assert Trial.read({"value": "1", "last": ""}).view.last == "7d"
