"""What all benchmarks share: medians over repeated runs, and one line a result."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RUNS: Final = 5  # odd, so that the median is a run that took place


@dataclass(frozen=True, slots=True)
class Limit:
    """What a result is held against, measured in the same run: the plain thing that it can at best equal."""

    name: str
    value: float


def median_of_runs(measure: Callable[[], float], runs: int = RUNS) -> float:
    """Measure several times, after one run that only warms up, and return the median."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def rate(work: Callable[[], int]) -> float:
    """Return how many a second of what `work` counts it did, by the monotonic clock."""
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` (1 to 99) of the values do not exceed, interpolated; two at least."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def line(name: str, value: float, unit: str, limit: Limit | None = None) -> str:
    """Return a result as `name: value unit`, with its ratio to the limit where there is one."""
    result = f"{name}: {_figures(value)} {unit}"
    if limit is None:
        return result
    return f"{result}, ratio {value / limit.value:.2f} of {limit.name} ({_figures(limit.value)} {unit})"


def machine() -> str:
    """Return a line on how far to trust the numbers: cores, and the load before anything was measured."""
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    noise = "; others are busy on it, so trust the ratios only" if load > cores / 2 else ""
    return f"machine: {cores} cores, load {load:.1f}{noise}"


def _figures(value: float) -> str:
    """Write three significant figures, or whole thousands with separators: more would be noise."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
