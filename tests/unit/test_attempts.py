"""The series of attempts: when it goes on, when it begins anew."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from app.gateway.attempts import Attempts
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = ConfigurationValues(max_reconnect_attempts=3, reconnect_delay=1000, max_reconnect_delay=30_000)


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(Random(1))  # noqa: S311 — no secret


def lives(attempts: Attempts, advance: Callable[[float], None], seconds: float) -> bool:
    """Have a connection made and lost after some time; tell whether another attempt is left."""
    attempts.connected()
    advance(seconds)
    return attempts.failed(LIMITS)


def test_one_that_drops_at_once_again_and_again_is_given_up(
    attempts: Attempts, advance: Callable[[float], None]
) -> None:
    assert [lives(attempts, advance, 29) for _ in range(4)] == [True, True, True, False]
    assert attempts.made == 3


def test_a_stable_connection_ends_the_series(attempts: Attempts, advance: Callable[[float], None]) -> None:
    assert [lives(attempts, advance, 30) for _ in range(9)] == [True] * 9
    assert attempts.made == 1


def test_time_spent_without_a_connection_does_not_count_as_stable(
    attempts: Attempts, advance: Callable[[float], None]
) -> None:
    lives(attempts, advance, 1)
    advance(3600)
    attempts.failed(LIMITS)
    assert attempts.made == 2


@pytest.mark.parametrize("field", ["max_reconnect_attempts", "reconnect_delay", "max_reconnect_delay"])
def test_changed_limits_begin_a_new_series_at_once(attempts: Attempts, field: str) -> None:
    attempts.aim("goal", LIMITS)
    attempts.failed(LIMITS)
    attempts.aim("goal", LIMITS)
    assert (attempts.made, attempts.due > 0) == (1, True)
    changed = ConfigurationValues(**LIMITS.as_dict() | {field: getattr(LIMITS, field) + 1})
    attempts.aim("goal", changed)
    assert (attempts.made, attempts.due) == (0, 0)
