"""Watching the new protocol after the switch, and judging it against the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import DialError
from app.gateway.migrator import measuring
from app.gateway.migrator.work import Woken
from app.protocol.states import MigrationPhase
from app.protocol.verification import judge

if TYPE_CHECKING:
    from app.gateway.link import Link
    from app.gateway.migrator.work import Work


async def verify(work: Work) -> MigrationPhase | None:
    """Ask for a first sign of life, let the callers on, and watch; after a restart, connect first.

    Callers wait for the first answer only: an agent that is mute over its new connection loses none of them.
    """
    try:
        link = await _connected(work)
        pings = [await link.health(measuring.PING_SECONDS)]
        work.channel.gate.set()
        problem = await _watched(work, link, pings)
    except (DialError, TimeoutError) as error:
        return await work.advance(MigrationPhase.ROLLING_BACK, f"verification failed: {error}")
    except _Withheld:
        return None
    if problem is not None:
        work.sound = True
        return await work.advance(MigrationPhase.ROLLING_BACK, f"verification failed: {problem}")
    return await work.advance(MigrationPhase.COMPLETED, f"the container answered in {max(pings):.1f} ms")


class _Withheld(Exception):
    """The container was stopped or removed meanwhile."""


async def _connected(work: Work) -> Link:
    if work.channel.link is None:
        await work.connector.establish(await work.open(), "connected anew to verify the migration")
    if work.channel.link is None:
        raise TimeoutError("the new connection was lost at once")
    return work.channel.link


async def _watched(work: Work, link: Link, pings: list[float]) -> str | None:
    """Ping all through the plan's time; return what is worse than it allows."""
    allowed = work.migration.plan.verification
    pause = allowed.seconds / max(1, allowed.pings - 1)
    for _ in range(1, max(allowed.pings, 2 if allowed.seconds else 1)):
        if allowed.seconds:
            woken = await work.wait(link.lost, pause)
            if woken is Woken.DONE:
                raise TimeoutError(f"the new connection was lost: {link.lost.result().reason}")
            if woken is Woken.WITHHELD:
                raise _Withheld
        pings.append(await link.health(measuring.PING_SECONDS))
    if not allowed.seconds:
        return None
    after = await measuring.store(work, "after", link, pings)
    return judge(work.before, after, allowed)
