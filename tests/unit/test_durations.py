"""Spans of time as pages write them: a zero behind says nothing."""

from __future__ import annotations

import pytest

from app.web.filters import duration


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.25, "250 ms"),
        (10, "10 s"),
        (10.0, "10 s"),
        (10.3, "10.3 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (36_600, "10 h 10 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_for_people(seconds: float, written: str) -> None:
    assert duration(seconds) == written
