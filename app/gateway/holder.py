"""The holder of leases: renews what is held, takes what is free, and gives back what is beyond its share."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from app.gateway.bells import rung
from app.gateway.tenure import clock
from app.services import leases
from app.services.leases import Member
from app.version import VERSION

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.config import Settings
    from app.gateway.batch import Lease
    from app.gateway.database import Database
    from app.gateway.supervisors import Supervisors
    from app.gateway.tenure import Tenure
    from app.services.leases import Load, Standing

log = logging.getLogger(__name__)

RENEWALS: Final = 3
"""How often a lease is renewed within its life: two renewals may fail."""
HANDED_OVER: Final = 10
"""Containers given back in a second, at most: each is dialled anew by another gateway."""
BALANCE: Final = "handed over to another gateway, which holds fewer containers"


class Holder:
    """Keeps this gateway a member of the fleet; `database` has one thread, so that its writes keep order."""

    def __init__(
        self,
        gateway_id: uuid.UUID,
        settings: Settings,
        database: Database,
        tenure: Tenure,
        *,
        supervisors: Supervisors,
        load: Callable[[], Load],
    ) -> None:
        self.draining = False
        self._left = False
        self._member = Member(id=gateway_id, version=VERSION, lease_seconds=settings.lease_seconds)
        self._elsewhere: Sequence[str] = ()
        self._database = database
        self._tenure = tenure
        self._supervisors = supervisors
        self._load = load
        self._look = asyncio.Event()
        self._surplus = 0
        self._uneven = asyncio.Event()

    @property
    def late(self) -> bool:
        """Whether a renewal is overdue: the database does not answer, or this process has stood still."""
        return self._tenure.left < self._member.lease_seconds / 2

    def look(self) -> None:
        """Renew now: something may have become free."""
        self._look.set()

    def with_address(self, reason: str) -> str:
        """Add to a reason why a caller is sent away where it is to go, if there is another gateway."""
        return f"{reason}; connect to {self._elsewhere[0]}" if self._elsewhere else reason

    async def hold(self, address: str) -> None:
        """Be a member of the fleet, at the address where others and callers reach this gateway.

        Renew until it leaves: a few times in a lease's life, and once a lease of another gateway has ended.
        """
        self._member = replace(self._member, address=address)
        while not self._left:
            self._look.clear()
            standing = await self._renew()
            self._supervisors.apply(standing.held, standing.in_order)
            beat = self._member.lease_seconds / RENEWALS
            await rung(self._look, min(beat, standing.next_end or beat))

    async def balance(self) -> None:
        """Give back for ever what is beyond the share, a few a second, and only while nobody is at work."""
        while True:
            await self._uneven.wait()
            self._uneven.clear()
            parted = await self._supervisors.part_with(min(self._surplus, HANDED_OVER), BALANCE)
            if parted:
                await self._give_back(parted)
            await asyncio.sleep(1)
            if parted and self._surplus > 0:
                self._uneven.set()

    async def drain(self) -> None:
        """Tell the others that this one takes nothing more, nor is to be sent callers."""
        self.draining = True
        await self._renew()

    async def leave(self) -> None:
        """Give everything back, at the end of an orderly stop. No renewal comes after it."""
        self._left = True
        await self._database.run(partial(leases.leave, gateway_id=self._member.id))

    async def _renew(self) -> Standing:
        """Renew until the answer is no older than the leases last: this process may have stood still."""
        while True:
            asked, standing = await self._database.run(partial(self._ask, load=self._load()))
            self._tenure.renewed(asked, standing.held)
            if not self._tenure.over:
                break
            log.warning("A renewal was answered too late; asking again which containers are held")
        self._elsewhere = standing.elsewhere
        self._surplus = standing.surplus
        if standing.surplus and not self.draining:
            self._uneven.set()
        return standing

    def _ask(self, session: Session, load: Load) -> tuple[float, Standing]:
        asked = clock()
        leases.forget(session)
        return asked, leases.renew(session, self._member, load, draining=self.draining)

    async def _give_back(self, parted: Sequence[Lease]) -> None:
        held = [(each.container_id, each.epoch) for each in parted]
        await self._database.run(partial(leases.give_back, gateway_id=self._member.id, held=held))
        for lease in parted:
            self._tenure.gave_back(lease.container_id)
        self._supervisors.gone(parted)
        self._surplus -= len(parted)
        log.info("Gave %d containers back, so that other gateways hold as many", len(parted))
