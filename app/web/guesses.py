"""How often one address may do something within a minute: counted in this process, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered; the one that was counted longest ago is forgotten first."""


class Limit:
    """At most so many times within some seconds from the first of them."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def reached(self, address: str) -> bool:
        """Tell whether an address has had its share."""
        with self._lock:
            return self._count(address)[1] >= self._most

    def count(self, address: str) -> None:
        """Count one more."""
        with self._lock:
            since, counted = self._count(address)
            self._counts[address] = since, counted + 1
            self._counts.move_to_end(address)
            while len(self._counts) > MOST_ADDRESSES:
                self._counts.popitem(last=False)

    def _count(self, address: str) -> tuple[float, int]:
        since, counted = self._counts.get(address, (self._clock(), 0))
        return (since, counted) if self._clock() - since < self._seconds else (self._clock(), 0)
