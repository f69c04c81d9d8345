"""Binned processing times: merged, their percentiles stay within the error of the true ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.latencies import BOUNDS, ERROR, LARGEST, UNMEASURED, bin_of, percentile, value_of

TIMES = st.lists(st.one_of(st.integers(0, 2000), st.integers(0, LARGEST)), min_size=1)


@given(st.lists(TIMES, min_size=1, max_size=5), st.integers(1, 100))
def test_a_merged_percentile_is_within_the_error_of_the_true_one(
    parts: list[list[int]], percent: int
) -> None:
    merged: Counter[int] = Counter()
    for part in parts:
        merged.update(map(bin_of, part))
    times = sorted(time for part in parts for time in part)
    true = times[ceil(len(times) * percent / 100) - 1]
    found = percentile(merged, percent)
    assert found is not None
    assert abs(found - true) <= true * ERROR + 1e-6


@given(st.integers(0, LARGEST))
def test_every_time_has_its_bin(time: int) -> None:
    number = bin_of(time)
    assert 1 <= number <= len(BOUNDS)
    assert BOUNDS[number - 1] <= time
    assert number == len(BOUNDS) or time < BOUNDS[number]
    assert abs(value_of(number) - time) <= time * ERROR + 1e-6


def test_short_times_are_exact() -> None:
    assert [value_of(bin_of(time)) for time in range(10)] == list(range(10))


def test_the_bins_are_few_and_rise() -> None:
    assert all(low < high for low, high in pairwise(BOUNDS))
    assert len(BOUNDS) < 220  # a smallint's worth, and a plot's


@pytest.mark.parametrize("counts", [{}, {UNMEASURED: 7}])
def test_nothing_measured_has_no_percentile(counts: dict[int, int]) -> None:
    assert percentile(counts, 50) is None


def test_the_unmeasured_do_not_count() -> None:
    assert percentile({UNMEASURED: 1000, bin_of(3): 1}, 99) == 3
