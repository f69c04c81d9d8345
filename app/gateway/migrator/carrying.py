"""Callers' sessions on their way to another connection: its agent is asked to take each of them up.

It is asked while the connection is not in use yet, so that what `session/load` tells of a conversation's past
is recorded, and reaches no caller as news.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from app.protocol.frames import RpcKind, error_text
from app.protocol.preflight_findings import carries_by
from app.protocol.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.gateway.link import Link
    from app.protocol.sessions import HeldSession

CARRY_SECONDS: Final = 10.0
"""How long taking all of them up may hold the switch up, and the callers with it."""
AT_ONCE: Final = 8
NAMED: Final = 5
UNKNOWN: Final = "it is not known what it was made with"


async def carry_over(held: Sequence[HeldSession], link: Link) -> list[str]:
    """Have a link's agent take sessions up; say how many it did, and which it did not, and why."""
    if not held or link.negotiated is None:
        return []
    method = carries_by(link.negotiated.capabilities)
    if method is None:
        return [_left([(each.session_id, "the agent takes up no session") for each in held])]
    room, deadline = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time() + CARRY_SECONDS

    async def take_up(session: HeldSession) -> str | None:
        async with room:
            left = deadline - asyncio.get_running_loop().time()
            return await _take_up(link, method, session, left)

    problems = await asyncio.gather(*map(take_up, held))
    left = [(each.session_id, why) for each, why in zip(held, problems, strict=True) if why is not None]
    words = [f"{len(held) - len(left)} of {len(held)} sessions taken up with {method}"]
    return [*words, _left(left)] if left else words


async def _take_up(link: Link, method: str, session: HeldSession, seconds: float) -> str | None:
    """Return why the agent has not taken a session up, None if it has."""
    if session.settings is None:
        return UNKNOWN
    params = {"sessionId": session.session_id, **session.settings}
    try:
        answer = await link.ask(method, params, max(0.0, seconds))
    except TimeoutError as error:
        return str(error)
    return redact_text(error_text(answer.frame)) if answer.frame.kind is RpcKind.ERROR else None


def _left(left: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{session_id} ({why})" for session_id, why in left[:NAMED])
    rest = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"not carried over: {named}{rest}"[:1000]
