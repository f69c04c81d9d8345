from __future__ import annotations

from random import Random
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from app.protocol.backoff import delay


class Limits(NamedTuple):
    reconnect_delay: int
    max_reconnect_delay: int
    max_reconnect_attempts: int = 5


class Highest(Random):
    """Draws the upper end of every range."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_ceilings_double_up_to_the_longest() -> None:
    drawn = [delay(Limits(1000, 30000), attempt, Highest()) for attempt in range(1, 8)]
    assert drawn == [1, 2, 4, 8, 16, 30, 30]


def test_jitter_is_full() -> None:
    first = [delay(Limits(1000, 30000), 1, Random(seed)) for seed in range(1000)]  # noqa: S311 - no secret
    assert min(first) < 0.05
    assert max(first) > 0.95
    assert 0.45 < sum(first) / len(first) < 0.55


@given(st.integers(1, 10**8), st.integers(0, 10**8), st.integers(1, 1000), st.randoms(use_true_random=False))
def test_every_delay_is_within_its_ceiling(first: int, more: int, attempt: int, random: Random) -> None:
    drawn = delay(Limits(first, first + more), attempt, random)
    assert 0 <= drawn <= min(first * 2 ** (attempt - 1), first + more) / 1000
