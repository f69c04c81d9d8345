"""The ways to a container: its channel, where this gateway holds it, or a relay to the gateway that does."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from app.gateway.caller_socket import GOING_AWAY, Parting
from app.gateway.forward import Misdirected, Refused, open_relay
from app.queries import gateways
from app.services import signed_caller

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from app.gateway.caller_socket import CallerSocket
    from app.gateway.context import Context
    from app.gateway.forward import Relay
    from app.gateway.supervisor import Supervisor

HOLDER_SECONDS: Final = 3.0
"""How long a caller that comes is kept waiting for a gateway to hold its container."""
TAKEOVER_SECONDS: Final = 10.0
"""What a takeover may last beyond a lease's life; so long a caller that was there before is kept waiting."""
LOOK_SECONDS: Final = 0.1
NOT_DIALLED: Final = "The container has not been dialled yet."
NOT_HELD: Final = "No gateway holds the container at present."


class NoWay(Exception):
    """There is no way to the container now; the text is for the caller. It may come again."""


class NotHere(Exception):
    """A caller was forwarded here, but this gateway does not hold the container."""


class Channelled:
    """The way over this gateway's own channel to the container."""

    def __init__(self, supervisor: Supervisor, key: str, label: str) -> None:
        self._supervisor = supervisor
        self._key = key
        self._label = label

    async def carry(self, caller: CallerSocket) -> Parting | None:
        """Carry frames both ways until the caller leaves (None), or this way ends."""
        if self._supervisor.ended:  # while the caller shook hands
            return Parting(GOING_AWAY, "the container has moved", moved=True)
        channel = self._supervisor.channel
        channel.join(self._key, self._label, caller)
        try:
            return await caller.go(
                partial(channel.from_caller, self._key), partial(channel.from_caller_at_once, self._key)
            )
        finally:
            channel.leave(self._key)


class Ways:
    """Finds ways; `find` tells the supervisor of a container that is held here."""

    def __init__(
        self, context: Context, secret_key: str, find: Callable[[uuid.UUID], Supervisor | None]
    ) -> None:
        self._context = context
        self._secret_key = secret_key
        self._find = find
        self._numbers = count(1)

    async def first(self, container_id: uuid.UUID, label: str, *, forwarded: bool) -> Channelled | Relay:
        """Find the way of a caller that has just come. One that was forwarded here goes no further.

        Raises:
            NoWay: nobody holds the container, or its holder has not dialled it yet.
            NotHere: it was forwarded here by one whose view is out of date.
        """
        return await self._search(container_id, label, HOLDER_SECONDS, forwarded=forwarded)

    async def next(self, container_id: uuid.UUID, label: str) -> Channelled | Relay:
        """Find the way of a caller whose container has moved. Raises NoWay."""
        seconds = self._context.settings.lease_seconds + TAKEOVER_SECONDS
        return await self._search(container_id, label, seconds, patient=True)

    async def _search(
        self,
        container_id: uuid.UUID,
        label: str,
        seconds: float,
        *,
        patient: bool = False,
        forwarded: bool = False,
    ) -> Channelled | Relay:
        deadline = time.monotonic() + seconds
        while True:
            why = NOT_HELD
            late = time.monotonic() > deadline
            supervisor = self._find(container_id)
            if supervisor is not None and not supervisor.ended:  # one that has may still close its socket
                # One that has not rested yet is about to connect: who comes now shall not meet an error.
                if supervisor.channel.book is not None and (supervisor.rested or late):
                    return Channelled(supervisor, f"{label}#{next(self._numbers)}", label)
                why = NOT_DIALLED if supervisor.rested or late else NOT_HELD
            elif forwarded:
                raise NotHere
            else:
                try:
                    return await self._relay(container_id, label)
                except Misdirected:
                    pass
                except Refused as refused:
                    why = str(refused)
            if late or (why is not NOT_HELD and not patient):
                raise NoWay(why)
            await asyncio.sleep(LOOK_SECONDS)

    async def _relay(self, container_id: uuid.UUID, label: str) -> Relay:
        holder = await self._context.database.run(partial(gateways.holder, container_id=container_id))
        if holder is None or holder.id == self._context.gateway_id:
            raise Misdirected("nobody holds it")
        word = signed_caller.sign_forwarded(self._secret_key, label, holder.id, container_id)
        return await open_relay(f"{holder.address}/acp/{container_id}", word)
