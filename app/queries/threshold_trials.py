"""A threshold tried on the rollups: what it would have been measured by, step by step, and when it fired."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import Invalid
from app.protocol.thresholds import Measure, Side, Threshold, firings
from app.queries import spans, statistics
from app.queries.statistics_view import View

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    from sqlalchemy.orm import Session

    from app.protocol.thresholds import Firing
    from app.queries.spans import Span
    from app.queries.statistics import Figures

DEFAULT_RANGE: Final = "7d"
MOST_STEPS: Final = 1000
LARGEST: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A threshold, and the messages of a time on which it is tried."""

    threshold: Threshold
    view: View

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Trial:
        """Read the parameters of an address: `measure`, `side`, `value`, `lasting`, and those of a view.

        Raises:
            Invalid: one has a value that it cannot have.
        """
        threshold = Threshold(
            _one_of(Measure, "measure", given, Measure.RATE),
            _one_of(Side, "side", given, Side.ABOVE),
            _number(given.get("value", "")),
            _count(given.get("lasting", "") or "1"),
        )
        words = {name: word for name, word in given.items() if word}
        view = View.read({"last": DEFAULT_RANGE, **words, "by": "method"})
        return cls(threshold=threshold, view=view)

    def in_url(self) -> dict[str, str]:
        """Return it as parameters of an address."""
        measure, side, value, lasting = self.threshold
        told = {"measure": measure, "side": side, "value": f"{value:g}", "lasting": str(lasting)}
        range_ = {} if self.view.begin else {"last": self.view.last}
        return {**told, **range_, **self.view.in_url()}

    def span(self, now: dt.datetime) -> Span:
        """Return its range in the finest steps that are kept. Raises Invalid."""
        return spans.finest(*self.view.range(now), now, of_fleet=not self.view.of_some)


class Replay(NamedTuple):
    """The measure in each step that is over, None where there is nothing to judge, and when it fired.

    `judged` has the values that there are, from the least to the greatest.
    """

    span: Span
    values: Sequence[float | None]
    judged: Sequence[float]
    firings: Sequence[Firing]

    def begins(self, firing: Firing) -> dt.datetime:
        """Tell since when it was crossed."""
        return self._at(firing.begin)

    def fires(self, firing: Firing) -> dt.datetime:
        """Tell when an alert would have been sent."""
        return self._at(firing.fired)

    def ends(self, firing: Firing) -> dt.datetime | None:
        """Tell since when it was crossed no more; None if it still is."""
        return self._at(firing.end) if firing.end < len(self.values) else None

    @property
    def seconds(self) -> float:
        """For how long an alert would have been on, in all."""
        steps = sum(each.end - each.fired + 1 for each in self.firings)
        return steps * self.span.length.total_seconds()

    def _at(self, place: int) -> dt.datetime:
        return self.span.begin + self.span.length * place


def replay(session: Session, trial: Trial, now: dt.datetime) -> Replay:
    """Measure each step, and watch it.

    Before the first message of the range nothing is judged, for nobody knows whether anything was there to
    be counted; nor is a step that is not over.
    """
    span = trial.span(now)
    found = {each.key[0]: each for each in statistics.points(session, trial.view, span)}
    first = min(found, default=span.end)
    values = [
        _value(trial.threshold.measure, found.get(at, statistics.NOTHING), seconds) if at >= first else None
        for at in span.times
        if (seconds := span.seconds(at)) is not None
    ]
    judged = sorted(each for each in values if each is not None)
    return Replay(span, values, judged, firings(values, trial.threshold))


def _value(measure: Measure, figures: Figures, seconds: float) -> float | None:
    if measure is Measure.ERRORS:
        return figures.errors / seconds * 60
    if measure is Measure.MESSAGES:
        return figures.messages / seconds
    if measure is Measure.RATE:
        return figures.rate * 100 if figures.messages else None
    found: float | None = getattr(figures, measure)
    return found


def _one_of(words: type[StrEnum], name: str, given: Mapping[str, str], default: Any) -> Any:
    try:
        return words(given.get(name, "").strip() or default)
    except ValueError:
        raise Invalid(name, f"must be one of {', '.join(words)}") from None


def _number(text: str) -> float:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        raise Invalid("value", "must be a number, such as 2.5") from None
    if not math.isfinite(value) or not 0 <= value <= LARGEST:
        raise Invalid("value", "must be a number from 0 to a thousand million")
    return value


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise Invalid("lasting", "must be a whole number") from None
    if not 1 <= count <= MOST_STEPS:
        raise Invalid("lasting", f"must be from 1 to {MOST_STEPS}")
    return count
