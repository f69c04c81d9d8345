"""Processing times in a few numbers: how many fell into each of some fixed bins.

Bins of different minutes, connections and containers are merged by adding their counts, so that a percentile
over any range is within `ERROR` of the true one, however much was merged. PostgreSQL bins with the same
table: `width_bucket(processing_time, BOUNDS)`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR: Final = 0.05
"""The greatest relative error of a percentile. Below 10 ms a bin is one millisecond, and there is none."""
LARGEST: Final = 2**31 - 1
"""Milliseconds: what the column `processing_time` can hold."""
UNMEASURED: Final = 0
"""The bin of a message that has no processing time."""


def _bounds() -> tuple[int, ...]:
    """Return the least millisecond of each bin, each as wide as the error allows."""
    bounds, low = [], 0
    while low <= LARGEST:
        bounds.append(low)
        low = max(low, int(low * (1 + ERROR) / (1 - ERROR))) + 1
    return tuple(bounds)


BOUNDS: Final = _bounds()


def bin_of(milliseconds: int) -> int:
    """Return the number of a time's bin, from 1 on."""
    return bisect_right(BOUNDS, milliseconds)


def value_of(number: int) -> float:
    """Return the milliseconds that stand for a bin: none in it is further from them than `ERROR`."""
    low = BOUNDS[number - 1]
    high = BOUNDS[number] - 1 if number < len(BOUNDS) else LARGEST
    return 2 * low * high / (low + high) if low else 0.0


def percentile(counts: Mapping[int, int], percent: int) -> float | None:
    """Return the milliseconds that `percent` (1 to 100) of the measured messages do not exceed.

    That is the nearest rank, PostgreSQL's `percentile_disc`, but for the error. None if nothing was measured.
    """
    measured = sum(count for number, count in counts.items() if number != UNMEASURED)
    upto = 0
    for number in sorted(counts.keys() - {UNMEASURED}):
        upto += counts[number]
        if upto * 100 >= measured * percent:
            return value_of(number)
    return None
