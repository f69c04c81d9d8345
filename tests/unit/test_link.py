"""A link that fails by a mistake: found, said and given up, never left to wait for nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from app.gateway.link import Link
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Broken:
    """A transport with a mistake in its reading or in its sending."""

    protocol = Protocol.ACP
    ended = None

    def __init__(self, *, reading: bool) -> None:
        self._reading = reading

    async def frames(self, _at_once: object) -> AsyncIterator[str]:
        if self._reading:
            raise ZeroDivisionError
        await asyncio.Event().wait()
        yield ""

    def send(self, _text: str, _message_id: object) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("reading", [True, False])
def test_a_mistake_gives_the_link_up_and_nothing_else(
    *, reading: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> str:
        nothing = cast("Any", None)
        link = Link(cast("Any", Broken(reading=reading)), nothing, nothing, nothing)
        if not reading:
            link.put("{}", nothing)
        async with asyncio.timeout(10):
            return (await link.lost).reason

    assert "ZeroDivisionError" in asyncio.run(main())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
