"""LISTEN for intents: the doorbell that the web and the command line ring."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Final

import psycopg

from app.services.doorbell import INTENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.gateway.database import Database

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.5
CHECK_SECONDS: Final = 10.0
"""A connection that brings nothing is asked for a sign of life at this beat."""


async def listen(
    database: Database,
    on_intent: Callable[[uuid.UUID], None],
    on_word: Mapping[str, Callable[[], None]],
    on_gap: Callable[[], None],
) -> None:
    """Call `on_intent` with the id of every container rung for, and what `on_word` has for a word, for ever.

    After each (re)connection `on_gap` is called, because rings may have been missed.
    """
    while True:
        try:
            async with await database.connect() as connection:
                await connection.execute(f"LISTEN {INTENTS}")
                on_gap()
                while True:
                    async for notice in connection.notifies(timeout=CHECK_SECONDS):
                        if (called := on_word.get(notice.payload)) is not None:
                            called()
                        else:
                            _pass_on(notice.payload, on_intent)
                    await connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            log.warning("The doorbell is out of order, trying again: %s", str(error).strip())
            await asyncio.sleep(RETRY_SECONDS)


def _pass_on(payload: str, on_intent: Callable[[uuid.UUID], None]) -> None:
    kind, _, reference = payload.partition(" ")
    try:
        container_id = uuid.UUID(reference)
    except ValueError:
        log.warning("The doorbell rang for nothing we know: %r", payload)
        return
    if kind == "container":
        on_intent(container_id)
