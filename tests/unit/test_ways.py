"""A way leads to no supervisor that has ended: a caller would be led there again and again, without end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from app.gateway.ways import Channelled, NotHere, Ways

if TYPE_CHECKING:
    from app.gateway.context import Context

ID = UUID(int=1)


class Held:
    """A supervisor whose container has been dialled."""

    rested = True

    def __init__(self, *, ended: bool) -> None:
        self.ended = ended
        self.channel = SimpleNamespace(book="its row")


class _Database:
    async def run(self, _: Any) -> None:
        """Say that no other gateway holds it."""


def ways(*found: Held) -> Ways:
    """Return ways on which one supervisor after the other is found, the last one for good."""
    left = list(found)
    context = SimpleNamespace(database=_Database(), gateway_id=UUID(int=2))
    find: Any = lambda _: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    return Ways(cast("Context", context), "a key", find)


def test_a_caller_waits_while_the_one_that_has_ended_closes_its_socket() -> None:
    after = Held(ended=False)
    way = asyncio.run(ways(Held(ended=True), Held(ended=True), after).first(ID, "backend", forwarded=False))
    assert isinstance(way, Channelled)
    assert way._supervisor is cast("Any", after)


def test_one_that_was_forwarded_goes_back() -> None:
    with pytest.raises(NotHere):
        asyncio.run(ways(Held(ended=True)).first(ID, "backend", forwarded=True))
