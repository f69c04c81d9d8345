"""A threshold tried on the past: the plot of its measure, and the messages behind each time it fired."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.thresholds import UNITS, Measure
from app.web.figures import messages_behind
from app.web.plot_flags import marked
from app.web.plot_shapes import Series
from app.web.plots import Plot, written
from app.web.quantities import milliseconds

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.protocol.thresholds import Firing
    from app.queries.plot_notes import Noted
    from app.queries.threshold_trials import Replay, Trial

MOST_COLUMNS: Final = 168
"""A week of hours: so many can be told apart in a plot. Each shows the worst of its steps."""
MOST_ROWS: Final = 100
OF_ERRORS: Final = frozenset({Measure.ERRORS, Measure.RATE})
OF_TIMES: Final = frozenset({Measure.P50, Measure.P95, Measure.P99})


class Row(NamedTuple):
    """A firing as the page lists it; `ends` is None while it goes on."""

    begins: dt.datetime
    fires: dt.datetime
    ends: dt.datetime | None
    seconds: float
    worst: str
    messages: str | None


def rows(trial: Trial, found: Replay) -> Sequence[Row]:
    """Return the last firings, the latest first."""
    return [_row(trial, found, each) for each in found.firings[: -MOST_ROWS - 1 : -1]]


def spread(trial: Trial, found: Replay) -> Sequence[tuple[str, str]]:
    """Say how the measure was spread over the steps, so that a better value can be chosen."""
    judged = found.judged
    if not judged:
        return []
    ranks = (("half of them", 0.5), ("95 %", 0.95), ("99 %", 0.99))
    told = [(words, judged[math.ceil(len(judged) * part) - 1]) for words, part in ranks]
    return [(words, told_in_unit(trial, value)) for words, value in [*told, ("all", judged[-1])]]


def told_in_unit(trial: Trial, value: float) -> str:
    """Write a value of the measure with its unit."""
    if trial.threshold.measure in OF_TIMES:
        return milliseconds(value)
    return f"{written(value)} {UNITS[trial.threshold.measure][1]}"


def plot(trial: Trial, found: Replay, noted: Noted) -> Plot:
    """Draw the measure, the threshold, the times for which an alert would have been on, and the notes."""
    every = max(1, math.ceil(len(found.values) / MOST_COLUMNS))
    span = replace(found.span, step=found.span.step * every)
    times = span.times[: math.ceil(len(found.values) / every)]
    values = []
    for place in range(0, len(found.values), every):
        judged = [each for each in found.values[place : place + every] if each is not None]
        values.append(trial.threshold.worst(judged) if judged else None)
    name, unit = UNITS[trial.threshold.measure]
    return Plot(
        identifier="threshold",
        title=name[:1].upper() + name[1:],
        unit=unit,
        times=times,
        series=[Series(name, values)],
        links=[messages_behind(trial.view, span, at=at) for at in times],
        level=trial.threshold.value,
        shaded=[((each.fired - 1) // every, (each.end - 1) // every) for each in found.firings],
        notes=marked(noted, span.begin, span.begin + span.length * len(times)),
    )


def _row(trial: Trial, found: Replay, firing: Firing) -> Row:
    ends = found.ends(firing)
    crossed = replace(found.span, begin=found.begins(firing), end=ends or found.span.end)
    measure = trial.threshold.measure
    return Row(
        begins=found.begins(firing),
        fires=found.fires(firing),
        ends=ends,
        seconds=(firing.end - firing.fired + 1) * found.span.length.total_seconds(),
        worst=told_in_unit(trial, firing.worst),
        messages=messages_behind(
            trial.view,
            crossed,
            errors=measure in OF_ERRORS,
            slower=trial.threshold.value if measure in OF_TIMES else None,
        ),
    )
