"""What keep-alive finds out, on its way to the rows: many connections in one transaction, once a second.

Each health request of each connection writes a latency; one transaction for each would cost more than all the
rest of an idle connection.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from app.services import vitals

if TYPE_CHECKING:
    import uuid

    from app.gateway.batch import Lease
    from app.gateway.database import Database

GATHER_SECONDS: Final = 0.5


class Vitals:
    """Gathers the latest vitals of each connection; `run` is the worker that stores them."""

    def __init__(self, database: Database, gateway_id: uuid.UUID) -> None:
        self._database = database
        self._gateway_id = gateway_id
        self._latest: dict[uuid.UUID, vitals.Vitals] = {}
        self._wake = asyncio.Event()

    def note(self, lease: Lease, connection_id: uuid.UUID, facts: dict[str, Any]) -> None:
        """Keep `facts` (of `latency_ms`, `silent_since`) in place of what is stored of both."""
        self._latest[connection_id] = vitals.Vitals(connection_id, lease.container_id, lease.epoch, facts)
        self._wake.set()

    async def run(self) -> None:
        """Store for ever; while the database is away only the latest of each connection is kept."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            noted, self._latest = list(self._latest.values()), {}
            await self._database.run(partial(vitals.note, gateway_id=self._gateway_id, noted=noted))
            await asyncio.sleep(GATHER_SECONDS)  # what comes meanwhile goes together
