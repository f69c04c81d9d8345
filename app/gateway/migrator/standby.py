"""The connection that a prepared protocol migration holds ready, beside the one that works."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import uuid

    from app.gateway.link import Link
    from app.gateway.snapshot import Snapshot


class _Held(NamedTuple):
    migration_id: uuid.UUID
    link: Link


class Standby:
    """Holds at most one link, in memory only: whoever finds none opens it anew."""

    def __init__(self) -> None:
        self._held: _Held | None = None

    def hold(self, migration_id: uuid.UUID, link: Link) -> None:
        """Keep a link for a migration until it goes on."""
        self._held = _Held(migration_id, link)

    def take(self, now: Snapshot) -> Link | None:
        """Hand over the link of the migration under way, if it is still as the container is to be dialled."""
        if not self._fits(now):
            return None
        held, self._held = self._held, None
        return held.link if held is not None else None

    async def tidy(self, now: Snapshot) -> None:
        """Close a link that is no longer wanted, or lost."""
        if self._held is not None and (not self._fits(now) or self._held.link.lost.done()):
            await self.close("the protocol migration is over")

    async def close(self, reason: str) -> None:
        """Close what is held."""
        held, self._held = self._held, None
        if held is not None:
            await held.link.close(reason)

    def _fits(self, now: Snapshot) -> bool:
        held, migration = self._held, now.migration
        if held is None or migration is None:
            return False
        return held.migration_id == migration.id and held.link.dialling == now.dialling
