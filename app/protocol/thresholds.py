"""A threshold, tried on what has been: when an alert by it would have fired.

No alert is sent by the console. Whoever sets one up elsewhere sees beforehand how often it would have called.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Measure(StrEnum):
    """What is watched, in each step of time."""

    ERRORS = "errors"
    RATE = "rate"
    MESSAGES = "messages"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"


UNITS: Final[Mapping[Measure, tuple[str, str]]] = {
    Measure.ERRORS: ("errors", "a minute"),
    Measure.RATE: ("error rate", "%"),
    Measure.MESSAGES: ("messages", "a second"),
    Measure.P50: ("p50 processing time", "ms"),
    Measure.P95: ("p95 processing time", "ms"),
    Measure.P99: ("p99 processing time", "ms"),
}
"""What each measure is called, and its unit."""


class Side(StrEnum):
    """On which side of the value it is crossed."""

    ABOVE = "above"
    BELOW = "below"


class Threshold(NamedTuple):
    """Crossed where the measure is above or below `value`; fires after `lasting` such steps, 1 or more."""

    measure: Measure
    side: Side
    value: float
    lasting: int

    def crossed(self, value: float | None) -> bool:
        """Tell whether a value crosses it; where nothing was measured, nothing does."""
        if value is None:
            return False
        return value > self.value if self.side is Side.ABOVE else value < self.value

    def worst(self, values: Sequence[float]) -> float:
        """Return the value that is furthest on the wrong side. Raises ValueError if there is none."""
        return max(values) if self.side is Side.ABOVE else min(values)


class Firing(NamedTuple):
    """A time for which an alert would have been on: places in the steps, `end` excluded.

    It is crossed from `begin` on, which is known, and told, at the end of the step before `fired`.
    """

    begin: int
    fired: int
    end: int
    worst: float


def firings(values: Sequence[float | None], threshold: Threshold) -> Sequence[Firing]:
    """Return when an alert would have fired, in the order of time."""
    found, begin = [], 0
    for place, value in enumerate([*values, None]):
        if threshold.crossed(value):
            continue
        if place - begin >= threshold.lasting:
            run = [each for each in values[begin:place] if each is not None]
            found.append(Firing(begin, begin + threshold.lasting, place, threshold.worst(run)))
        begin = place + 1
    return found
