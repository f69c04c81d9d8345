"""A storm of dials is spread evenly; a lone dial does not wait."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from app.gateway.turns import Turns

if TYPE_CHECKING:
    from app.gateway.turns import Turn

BEAT = 0.005


def test_many_at_once_come_one_after_the_other_and_a_lone_one_at_once() -> None:
    given: list[tuple[int, float]] = []

    async def main() -> None:
        loop, turns, done = asyncio.get_running_loop(), Turns(per_second=1 / BEAT), asyncio.Event()

        def join(number: int) -> Turn:
            return turns.join(lambda: (given.append((number, loop.time())), number == 29 and done.set()))

        assert join(0).given
        line = [join(number) for number in range(1, 30)]
        assert not any(turn.given for turn in line)
        line[4].wanted = False
        time.sleep(10 * BEAT)  # noqa: ASYNC251 - the loop stands still; what was due then comes no faster
        await done.wait()
        await asyncio.sleep(2 * BEAT)
        assert join(30).given  # nobody waits any more

    asyncio.run(main())
    assert [number for number, _ in given] == [number for number in range(31) if number != 5]
    assert all(later - earlier > 0.9 * BEAT for (_, earlier), (_, later) in pairwise(given))
