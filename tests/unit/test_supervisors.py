"""A supervisor whose lease is lost is cancelled once, so that it comes to close its socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from app.gateway import supervisors
from app.gateway.batch import Lease
from app.gateway.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.gateway.context import Context

LEASE = Lease(UUID(int=1), epoch=1)


class Closing:
    """A supervisor that needs a while to close its socket, as a slow container makes it need."""

    def __init__(self, _: Any, lease: Lease) -> None:
        self.lease = lease
        self.channel = self
        self.peer_answered = asyncio.Event()
        self.closed = False
        self.ended = asyncio.Event()

    async def run(self, *, adopts: bool) -> None:
        self.adopts = adopts
        try:
            await asyncio.Event().wait()
        finally:
            await self.peer_answered.wait()
            self.closed = True

    def dismiss(self, _: str) -> None:
        self.ended.set()


class _Context:
    metrics = Metrics()


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda held: held.lost(LEASE), id="another record is refused"),
        pytest.param(lambda held: held.apply({}), id="the lease is not renewed"),
    ],
)
def test_a_loss_that_is_found_twice_does_not_interrupt_the_closing(
    monkeypatch: pytest.MonkeyPatch, again: Callable[[supervisors.Supervisors], None]
) -> None:
    monkeypatch.setattr(supervisors, "Supervisor", Closing)

    async def lose() -> bool:
        held = supervisors.Supervisors(cast("Context", _Context()))
        held.apply({LEASE.container_id: LEASE.epoch})
        (closing,) = cast("list[Closing]", list(held))
        await asyncio.sleep(0)
        held.lost(LEASE)
        await asyncio.sleep(0)
        again(held)
        await asyncio.sleep(0)
        closing.peer_answered.set()
        await asyncio.wait_for(closing.ended.wait(), 5)
        return closing.closed

    assert asyncio.run(lose())


@pytest.mark.parametrize(("in_order", "adopts"), [([], True), ([LEASE.container_id], False)])
def test_what_was_given_back_in_order_is_not_searched_for_what_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
    in_order: list[UUID],
    adopts: bool,  # noqa: FBT001 - what is expected
) -> None:
    monkeypatch.setattr(supervisors, "Supervisor", Closing)

    async def take() -> bool:
        held = supervisors.Supervisors(cast("Context", _Context()))
        held.apply({LEASE.container_id: LEASE.epoch}, in_order)
        (taken,) = cast("list[Closing]", list(held))
        await asyncio.sleep(0)
        held.lost(LEASE)
        taken.peer_answered.set()
        await asyncio.wait_for(taken.ended.wait(), 5)
        return taken.adopts

    assert asyncio.run(take()) is adopts
