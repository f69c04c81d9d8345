"""Lengths of time and bytes as pages write them: three figures at most, and a zero behind says nothing."""

from __future__ import annotations

import pytest

from app.web.quantities import counted, duration, milliseconds, size


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 ms"),
        (0.0084, "8.4 ms"),
        (0.00998, "10 ms"),
        (0.0112, "11 ms"),
        (0.25, "250 ms"),
        (0.9996, "1 s"),
        (2.0046, "2 s"),
        (4.052, "4.05 s"),
        (10, "10 s"),
        (10.3, "10.3 s"),
        (59.96, "60 s"),
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
    assert milliseconds(seconds * 1000) == written


def test_what_was_not_measured_is_a_dash() -> None:
    assert milliseconds(None) == "–"


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (569_468, "556 KiB"),
        (1024**2 - 1, "1,024 KiB"),
        (16 * 1024**2, "16 MiB"),
        (3 * 1024**5, "3,072 TiB"),
    ],
)
def test_a_size_for_people(count: int, written: str) -> None:
    assert size(count) == written


def test_one_is_no_plural() -> None:
    assert [counted(number, "member") for number in (0, 1, 2, 1000)] == [
        "0 members",
        "1 member",
        "2 members",
        "1,000 members",
    ]
