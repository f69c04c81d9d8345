"""The worker that looks after rollouts: each gateway has one, the database lets one at a time work.

What it does next it reads from what is stored (services.rollout_steps), so it may die anywhere, and another
goes on.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from app.gateway.bells import rung
from app.queries import rollouts
from app.services import rollout_steps

if TYPE_CHECKING:
    import uuid

    from app.gateway.database import Database

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
"""How late a bake time or a window may be noticed; nothing rings for those."""
IDLE_SECONDS: Final = 5.0
"""Between two looks while there is no rollout to look after and nobody rings."""
PAUSE_SECONDS: Final = 0.1
"""Least pause between two looks: what ends within it is taken over in one step."""
ROUNDS: Final = 50
"""Steps of one rollout before the next one has its turn."""


class RolloutController:
    """Takes the steps of all rollouts for as long as `run` runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that there may be something to do."""
        self._rung.set()

    async def run(self) -> None:
        """Work for ever; while the database is away, wait."""
        while True:
            self._rung.clear()
            concerned = await self._database.run(rollouts.to_look_after)
            for rollout_id in concerned:
                await self._advance(rollout_id)
            await asyncio.sleep(PAUSE_SECONDS)
            await rung(self._rung, BEAT_SECONDS if concerned else IDLE_SECONDS)

    async def _advance(self, rollout_id: uuid.UUID) -> None:
        """Take the steps of one rollout. One that cannot go on must not stop others, nor the gateway."""
        step = partial(rollout_steps.step, rollout_id=rollout_id)
        try:
            for _ in range(ROUNDS):
                if not await self._database.run(step):
                    return
            self.ring()
        except Exception:
            log.exception("Rollout %s could not go on; it is looked at again", rollout_id)
