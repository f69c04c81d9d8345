"""When an alert would have fired: by hand, and against what a simple watcher tells step by step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.thresholds import Firing, Measure, Side, Threshold, firings


@pytest.mark.parametrize(
    ("values", "side", "lasting", "expected"),
    [
        ([], Side.ABOVE, 1, []),
        ([5, 5, 5], Side.ABOVE, 1, []),  # reached is not crossed
        ([6], Side.ABOVE, 1, [Firing(0, 1, 1, 6)]),
        ([6, 7, 5, 8], Side.ABOVE, 1, [Firing(0, 1, 2, 7), Firing(3, 4, 4, 8)]),
        ([6, 7, 5, 8], Side.ABOVE, 2, [Firing(0, 2, 2, 7)]),
        ([6, 7, 5, 8], Side.ABOVE, 3, []),
        ([6, None, 7], Side.ABOVE, 2, []),  # nothing measured: the count begins anew
        ([9, 4, 3, 4, 5], Side.BELOW, 2, [Firing(1, 3, 4, 3)]),
        ([None, None], Side.BELOW, 1, []),
    ],
)
def test_by_hand(values: list[float | None], side: Side, lasting: int, expected: list[Firing]) -> None:
    assert firings(values, Threshold(Measure.ERRORS, side, 5, lasting)) == expected


@given(
    st.lists(st.none() | st.floats(0, 10), max_size=40),
    st.sampled_from(Side),
    st.floats(0, 10),
    st.integers(1, 5),
)
def test_it_is_what_a_watcher_would_have_told(
    values: list[float | None], side: Side, value: float, lasting: int
) -> None:
    threshold = Threshold(Measure.P95, side, value, lasting)
    on, crossed = [], 0
    for each in values:  # a watcher looks at each step once it is over
        crossed = crossed + 1 if threshold.crossed(each) else 0
        on.append(crossed >= lasting)
    told = [False] * len(values)
    for firing in firings(values, threshold):
        assert firing.fired - firing.begin == lasting
        assert all(threshold.crossed(each) for each in values[firing.begin : firing.end])
        assert firing.worst in values[firing.begin : firing.end]
        told[firing.fired - 1 : firing.end] = [True] * (firing.end - firing.fired + 1)
    assert told == on
