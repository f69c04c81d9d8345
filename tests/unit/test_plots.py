"""Plots: what is drawn of numbers, to the tenth of a unit."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.plot_flags import Marked
from app.web.plot_shapes import Series
from app.web.plots import BOTTOM, HEIGHT, LEFT, MOST_SLOTS, RIGHT, TOP, WIDTH, Plot, written

BEGIN = dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)


def plot(*series: list[float | None], kind: str = "lines", step: int = 60, **more: object) -> Plot:
    times = [BEGIN + dt.timedelta(seconds=step * place) for place in range(len(series[0]))]
    named = [Series(f"p{number}", values) for number, values in enumerate(series)]
    return Plot(identifier="x", title="Time", unit="ms", times=times, series=named, kind=kind, **more)  # type: ignore[arg-type]


def test_a_line() -> None:
    (line,) = plot([0, 5, 10]).drawn
    assert line.path == "M97.3 140L212 75L326.7 10"
    assert (line.area, line.dots, line.bars, line.name_at) == ("", [], (), None)


def test_a_missing_value_is_a_gap_and_a_lone_one_a_dot() -> None:
    (line,) = plot([1, 1, None, 1, None, 1, 1]).drawn
    assert line.path.count("M") == 2
    assert line.dots == [(212, 10)]


def test_an_area_ends_on_the_ground() -> None:
    (area,) = plot([0, 4], kind="area").drawn
    assert area.path == "M126 140L298 10"
    assert area.area == area.path + "L298 140L126 140Z"


def test_bars_stand_on_the_ground_and_nothing_has_none() -> None:
    (bars,) = plot([0, 2, None, 1], kind="bars").drawn
    assert [bar.y + bar.height for bar in bars.bars] == [140, 140]
    assert [bar.height for bar in bars.bars] == [130, 65]


def test_lines_differ_without_colour() -> None:
    drawn = plot([1, 2], [3, 4], [5, 6]).drawn
    assert [each.dash for each in drawn] == [0, 1, 2]
    places = sorted(each.name_at[1] for each in drawn if each.name_at)
    assert len(places) == 3
    assert all(below - above >= 12 for above, below in pairwise(places))


def test_names_of_equal_lines_stand_apart() -> None:
    places = [each.name_at for each in plot([1, 2], [1, 2]).drawn]
    assert places[0] != places[1]


@pytest.mark.parametrize(
    ("greatest", "ticks"),
    [
        (0, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (10, ["0", "5", "10"]),
        (0.07, ["0", "0.02", "0.04", "0.06", "0.08"]),
        (12_345, ["0", "5,000", "10,000", "15,000"]),
    ],
)
def test_the_numbers_on_the_left_are_round(greatest: float, ticks: list[str]) -> None:
    assert [tick.text for tick in plot([0, greatest]).ticks] == ticks


def test_bars_have_no_halves() -> None:
    assert [tick.text for tick in plot([0, 1], kind="bars").ticks] == ["0", "1"]


@pytest.mark.parametrize(
    ("step", "first", "how"), [(60, "10:00", "clock"), (3600, "10:00", "clock"), (86_400, "24 Nov", "day")]
)
def test_the_times_below(step: int, first: str, how: str) -> None:
    moments = plot([1] * 24, step=step).moments
    assert (moments[0].text, moments[0].how) == (first, how)
    assert 2 <= len(moments) <= 6


def test_a_slot_says_its_numbers_and_leads_somewhere() -> None:
    slots = plot([1, None], [1234.5, None], links=["/a", None]).slots
    assert [slot.words for slot in slots] == ["p0 1, p1 1,234 ms", "nothing"]
    assert [slot.href for slot in slots] == ["/a", None]
    assert plot([1] * (MOST_SLOTS + 1)).slots == ()


def test_an_empty_plot_says_so() -> None:
    nothing = plot([None, None])
    assert nothing.empty
    assert nothing.description == "Time: nothing in this range."
    assert plot([1, 2], [None, 7]).description == "Time, in ms: p0 up to 2, p1 up to 7."


def test_notes_are_named_and_mark_the_times_they_are_in() -> None:
    notes = [Marked(1, 0.75, "ticket at ten: slow"), Marked(2, 0.74, "deploy at ten: 4.2"), Marked(3, 0, "")]
    noted = plot([1, 2], notes=notes)
    assert [noted.noted(place) for place in range(2)] == [[3], [2, 1]]
    assert [(each.number, each.x) for each in noted.note_lines] == [(1, 298), (2, 294.6), (3, 40)]
    assert [each.text for each in noted.note_flags] == ["3", "1–2"]
    assert noted.description == (
        "Time, in ms: p0 up to 2. Notes: 1, ticket at ten: slow; 2, deploy at ten: 4.2; 3, ."
    )
    assert plot([None, None], notes=notes[2:]).description == "Time: nothing in this range. Notes: 3, ."


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (7.0, "7"), (0.12345, "0.123"), (99.96, "100"), (1234.5, "1,234")]
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert written(value) == text


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e12, allow_subnormal=False)), min_size=1, max_size=400),
    st.sampled_from(["lines", "area", "bars"]),
)
def test_everything_is_drawn_inside(values: list[float | None], kind: str) -> None:
    drawn_plot = plot(values, kind=kind)
    (drawn,) = drawn_plot.drawn
    for x, y in drawn.dots:
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    for bar in drawn.bars:
        assert bar.x >= LEFT - 0.1
        assert bar.x + bar.width <= WIDTH - RIGHT + 0.2
        assert bar.y >= TOP
    numbers = [float(pair.split()[1]) for pair in drawn.path.replace("M", "L").split("L") if pair]
    assert all(TOP <= y <= HEIGHT - BOTTOM for y in numbers)
    assert 2 <= len(drawn_plot.ticks) <= 6


def test_a_level_is_within_the_plot_and_named() -> None:
    held = plot([0, 2], level=8)
    assert held.line == (10, "8")
    assert held.ticks[-1].text == "8"
    assert plot([0, 2]).line is None


def test_marked_times_are_whole_columns() -> None:
    marked = plot([1, 2, 3, 4], shaded=[(1, 2)])
    assert [each.x for each in marked.shades] == [marked.slots[1].x]
    assert marked.shades[0].width == pytest.approx(2 * marked.slots[1].width)
