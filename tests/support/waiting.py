"""Waiting for a condition instead of for time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds until a test gives up; what is waited for happens within one on an idle machine."""
POLL_SECONDS = 0.02


def eventually(read: Callable[[], T], want: Callable[[T], object] = bool, patience: float = PATIENCE) -> T:
    """Read again and again until what is read is as wanted, and return it."""
    deadline = time.monotonic() + patience
    while not want(found := read()):
        if time.monotonic() > deadline:
            pytest.fail(f"after {patience:g} s it still is {found!r}")
        time.sleep(POLL_SECONDS)
    return found
