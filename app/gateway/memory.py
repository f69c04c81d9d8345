"""The memory of a process of thousands of connections: buffers go back, its bulk is not searched."""

from __future__ import annotations

import ctypes
import gc
import time
from typing import Final

_M_MMAP_THRESHOLD: Final = -3  # malloc.h
LARGE: Final = 1024 * 1024
"""Bytes from which on a buffer is mapped by itself, and unmapped when it is freed."""

FULL: Final = 2
THAW_SECONDS: Final = 600.0
"""How often garbage is looked for among all objects: what had become part of the bulk may be some by now."""


class Freezer:
    """Spares full collections the objects that have survived one (docs/adr/0025).

    Thousands of connections are millions of objects that stay. To search them all stops the event loop for a
    second at a time; measured with 2,000 connections, it was what made it late.
    """

    def __init__(self) -> None:
        self._thawed = time.monotonic()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Be one of `gc.callbacks`."""
        if info["generation"] != FULL:
            return
        if phase == "stop":
            gc.freeze()
        elif time.monotonic() - self._thawed > THAW_SECONDS:
            self._thawed = time.monotonic()
            gc.unfreeze()


def give_back() -> None:
    """Fix glibc's threshold for mappings (man 3 mallopt).

    Left alone, glibc raises it to the largest buffer freed so far: after a frame of 16 MiB the next one comes
    from the heap, of which tens of MiB may then stay taken for good.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have none, and no such habit
        mallopt(_M_MMAP_THRESHOLD, LARGE)


def spare_the_bulk() -> None:
    """Have full collections of this process search only what is new since the last one."""
    gc.callbacks.append(Freezer())
