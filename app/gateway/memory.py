"""Large buffers go back to the system as soon as they are free."""

from __future__ import annotations

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3  # malloc.h
LARGE: Final = 1024 * 1024
"""Bytes from which on a buffer is mapped by itself, and unmapped when it is freed."""


def give_back() -> None:
    """Fix glibc's threshold for mappings (man 3 mallopt).

    Left alone, glibc raises it to the largest buffer freed so far: after a frame of 16 MiB the next one comes
    from the heap, of which tens of MiB may then stay taken for good.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have none, and no such habit
        mallopt(_M_MMAP_THRESHOLD, LARGE)
