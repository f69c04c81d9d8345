"""What the gateway says of itself with each heartbeat: its load, and how late its event loop was."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.services.leases import Load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.gateway.batch import Entry
    from app.gateway.callers import CallerEndpoint
    from app.gateway.metrics import Metrics
    from app.gateway.recorder import Recorder
    from app.gateway.supervisors import Supervisors

SAMPLE_SECONDS: Final = 0.1


class Pulse:
    """Counts between two heartbeats; `measure` is its worker."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._records = 0
        self._latest = 0.0
        self._since = time.monotonic()

    def committed(self, entries: Sequence[Entry]) -> None:
        """Count the records of a committed batch."""
        self._records += len(entries)

    async def measure(self) -> None:
        """Note for ever how much later than asked the event loop comes round."""
        while True:
            due = time.monotonic() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            late = time.monotonic() - due
            self._latest = max(self._latest, late)
            self._metrics.late(late, SAMPLE_SECONDS)

    def load(self, supervisors: Supervisors, recorder: Recorder, endpoint: CallerEndpoint) -> Load:
        """Return the load since this was last asked."""
        now = time.monotonic()
        records, self._records = self._records, 0
        latest, self._latest = self._latest, 0.0
        seconds, self._since = max(now - self._since, SAMPLE_SECONDS), now
        return Load(
            connected=sum(each.channel.link is not None for each in supervisors),
            callers=endpoint.callers,
            forwarded=endpoint.forwarded,
            messages_per_second=round(records / seconds, 1),
            records_waiting=len(recorder.backlog),
            oldest_waiting_ms=round(recorder.backlog.oldest * 1000),
            loop_lag_ms=round(latest * 1000),
        )
