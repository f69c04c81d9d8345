"""Waiting for a bell, but not for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rung(bell: asyncio.Event, seconds: float) -> None:
    """Return when the bell is rung, or after so many seconds."""
    # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with its event.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
