"""Who is with each container, on its way to the rows: of many in one transaction, twice a second."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from app.services import presence

if TYPE_CHECKING:
    import uuid

    from app.gateway.channel import Channel
    from app.gateway.database import Database

GATHER_SECONDS: Final = 0.5


class Presence:
    """Gathers the channels whose callers or sessions have changed; `run` is the worker that stores them."""

    def __init__(self, database: Database, gateway_id: uuid.UUID) -> None:
        self._database = database
        self._gateway_id = gateway_id
        self._changed: set[Channel] = set()
        self._wake = asyncio.Event()

    def note(self, channel: Channel) -> None:
        """Have it stored who is there, as it is by then."""
        self._changed.add(channel)
        self._wake.set()

    async def run(self) -> None:
        """Store for ever; while the database is away only what is so at its end is kept."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            noted = [
                presence.Presence(each.lease.container_id, each.lease.epoch, *each.audience)
                for each in changed
            ]
            await self._database.run(partial(presence.note, gateway_id=self._gateway_id, noted=noted))
            await asyncio.sleep(GATHER_SECONDS)  # what comes meanwhile goes together
