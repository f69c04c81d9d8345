"""A storm of dials is spread evenly; a lone dial does not wait."""

from __future__ import annotations

import asyncio

from app.gateway.turns import Turns


def test_many_at_once_come_one_after_the_other_and_a_lone_one_at_once() -> None:
    async def scenario() -> tuple[float, list[float]]:
        turns, loop, taken = Turns(per_second=100), asyncio.get_running_loop(), []
        began = loop.time()

        async def dial() -> None:
            await turns.take()
            taken.append(loop.time() - began)

        await dial()
        alone = taken.pop()
        await asyncio.gather(*(dial() for _ in range(30)))
        return alone, taken

    alone, taken = asyncio.run(scenario())
    assert alone < 0.01
    for number, moment in enumerate(taken, 1):
        assert moment >= number / 100 - 0.001
