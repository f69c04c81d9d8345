"""The first input that Hypothesis draws."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@cache
def draw_first() -> None:
    """Have Hypothesis read our sources for constants, which takes a second on a clean checkout.

    The first test would be told that its inputs are too slow.
    """
    _draw()


@settings(max_examples=1, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | st.integers())
def _draw(_: object) -> None:
    """Any will do."""
