"""Keep-alive on two layers: pings prove the socket, a request the agent behind it (wire.md, Liveness).

`keep_alive_interval` is the beat of the pings; the agent itself is asked at every second one. `idle_timeout`
is for how long nothing at all may be received, pongs included, and how long the agent may leave its request
unanswered.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.gateway.channel import Channel
    from app.gateway.link import Link

    Healthy = Callable[[float], Awaitable[None]]

HEALTH_EVERY: Final = 2


async def keep_alive(link: Link, channel: Channel, poll_seconds: float, healthy: Healthy) -> None:
    """Watch a link until it is lost; `healthy` is told every measured latency, in milliseconds."""
    if link.protocol is Protocol.HTTP:
        await _poll(link, poll_seconds, healthy)
        return
    try:
        async with asyncio.TaskGroup() as watch:
            watch.create_task(_ping(link, channel))
            watch.create_task(_ask(link, channel, healthy))
    except ExceptionGroup as failures:  # what `healthy` raised, such as LeaseLost, tells more than its group
        raise failures.exceptions[0] from failures


async def _poll(link: Link, seconds: float, healthy: Healthy) -> None:
    """Check the health of a container on HTTP; the first failure counts, for the check itself is patient."""
    while not link.lost.done():
        try:
            await healthy(await link.health(seconds))
        except TimeoutError as error:
            link.lose(str(error))
        await _until(link, time.monotonic() + seconds)


async def _ping(link: Link, channel: Channel) -> None:
    """Ping at every beat, and give the link up once nothing has been received for too long."""
    pong: asyncio.Task[None] | None = None
    next_ping = time.monotonic()
    try:
        while not link.lost.done():
            now, silent = time.monotonic(), link.last_received + channel.idle_seconds
            if now >= silent:
                link.lose(f"nothing was received for {channel.idle_seconds:g} s, pongs included")
                return
            if now >= next_ping and (pong is None or pong.done()):
                pong = asyncio.create_task(_pong(link))
                # However short the idle time-out is, a live but quiet peer must be heard within it.
                next_ping = now + min(channel.beat_seconds, channel.idle_seconds / 2)
            await _until(link, min(next_ping if pong is None or pong.done() else silent, silent))
    finally:
        if pong is not None:
            pong.cancel()


async def _pong(link: Link) -> None:
    with contextlib.suppress(TimeoutError):  # the link is lost then, and its reader says how
        await link.transport.ping()
        link.last_received = time.monotonic()


async def _ask(link: Link, channel: Channel, healthy: Healthy) -> None:
    while not link.lost.done():
        try:
            await healthy(await link.health(channel.idle_seconds))
        except TimeoutError:
            link.lose(
                f"the agent did not answer within {channel.idle_seconds:g} s, although its socket is open"
            )
        await _until(link, time.monotonic() + channel.beat_seconds * HEALTH_EVERY)


async def _until(link: Link, moment: float) -> None:
    """Wait for a moment of the monotonic clock, or the loss of the link."""
    await asyncio.wait({link.lost}, timeout=max(0.0, moment - time.monotonic()))
