from __future__ import annotations

from random import Random
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from app.protocol.backoff import delays


class Limits(NamedTuple):
    reconnect_delay: int
    max_reconnect_delay: int
    max_reconnect_attempts: int


class Highest(Random):
    """Draws the upper end of every range."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_ceilings_double_up_to_the_longest() -> None:
    assert list(delays(Limits(1000, 30000, 7), Highest())) == [1, 2, 4, 8, 16, 30, 30]


def test_no_attempts_no_delays() -> None:
    assert list(delays(Limits(1000, 30000, 0), Highest())) == []


def test_jitter_is_full() -> None:
    first = [next(delays(Limits(1000, 30000, 1), Random(seed))) for seed in range(1000)]  # noqa: S311 - no secret
    assert min(first) < 0.05
    assert max(first) > 0.95
    assert 0.45 < sum(first) / len(first) < 0.55


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 2000), st.randoms(use_true_random=False))
def test_one_delay_per_attempt_within_its_ceiling(
    first: int, more: int, attempts: int, random: Random
) -> None:
    drawn = list(delays(Limits(first, first + more, attempts), random))
    assert len(drawn) == attempts
    assert all(0 <= delay <= min(first * 2**n, first + more) / 1000 for n, delay in enumerate(drawn))
