"""Notes on plots: each line at its moment, each number in one flag, and no flag over another."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import PlotNote
from app.queries.plot_notes import Noted, Numbered
from app.web.plot_flags import MOST_SAID, Marked, flags_of, lines_of, marked, note_strip, said

BEGIN = dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
LEFT, RIGHT = 40, 384


def noted(*minutes: float, text: str = "release 4.2") -> Noted:
    """Notes so many minutes after the beginning, the latest first."""
    notes = [
        Numbered(number, PlotNote(at=BEGIN + MINUTE * at, kind="deploy", text=text))
        for number, at in enumerate(sorted(minutes, reverse=True), 1)
    ]
    return Noted(BEGIN, BEGIN + HOUR, notes, len(notes))


def at(*shares: float) -> list[Marked]:
    ordered = sorted(shares, reverse=True)
    return [Marked(number, share, "") for number, share in enumerate(ordered, 1)]


def test_a_note_stands_at_its_moment() -> None:
    (line,) = lines_of(marked(noted(30), BEGIN, BEGIN + HOUR), LEFT, RIGHT)
    assert line == (1, 212)
    (flag,) = flags_of(marked(noted(30), BEGIN, BEGIN + HOUR), LEFT, RIGHT)
    assert (flag.x, flag.text, flag.number) == (212, "1", 1)


def test_a_plot_of_a_part_of_the_range_shows_the_same_numbers() -> None:
    found = noted(10, 40, 50)
    assert [each.number for each in marked(found, BEGIN + HOUR / 2, BEGIN + HOUR)] == [1, 2]
    assert marked(found, BEGIN + HOUR, BEGIN + 2 * HOUR) == []


def test_notes_at_one_place_share_a_flag() -> None:
    assert [each.text for each in flags_of(at(0.2, 0.5, 0.5, 0.501, 0.9), LEFT, RIGHT)] == ["5", "2–4", "1"]
    assert len({line.x for line in lines_of(at(0.2, 0.5, 0.52, 0.9), LEFT, RIGHT)}) == 4


def test_flags_at_the_borders_stay_inside() -> None:
    first, last = flags_of(at(0, 0.9999), LEFT, RIGHT)
    assert first.x - first.width / 2 == pytest.approx(LEFT, abs=0.1)
    assert last.x + last.width / 2 == pytest.approx(RIGHT, abs=0.1)


def test_what_is_said_names_them() -> None:
    words = said(marked(noted(30, text="x" * 200), BEGIN, BEGIN + HOUR))
    assert words == f"Notes: 1, deploy at 2026-11-24 10:30 UTC: {'x' * 79}…."
    assert said([]) == ""
    many = said(marked(noted(*range(MOST_SAID + 2)), BEGIN, BEGIN + HOUR))
    assert many.endswith("; and 2 more.")


def test_a_strip_is_in_percent() -> None:
    strip = note_strip(noted(15), BEGIN, BEGIN + HOUR)
    assert (strip.lines[0].x, strip.flags[0].x) == (25, 25)
    (last,) = note_strip(noted(59.9), BEGIN, BEGIN + HOUR).flags
    assert last.x > 99
    assert 0 < -last.shift <= last.width / 2  # moved inside, and still at its line
    assert strip.words.startswith("Notes: 1, deploy")


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=50))
def test_no_flag_covers_another(shares: list[float]) -> None:
    flags = flags_of(at(*shares), LEFT, RIGHT)
    for one, other in pairwise(flags):
        assert one.x + one.width / 2 < other.x - other.width / 2
    for flag in flags:
        assert flag.x - flag.width / 2 >= LEFT - 0.1
        assert flag.x + flag.width / 2 <= RIGHT + 0.1
    told: list[int] = []
    for flag in flags:
        first, _, last = flag.text.partition("–")
        told += range(int(first), int(last or first) + 1)
    assert sorted(told) == list(range(1, len(shares) + 1))
