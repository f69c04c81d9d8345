"""What the old protocol gave and what the new one gives: health pings, and what callers' requests took."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from app.protocol.states import Protocol
from app.protocol.verification import Measured
from app.queries import callers_requests
from app.services import migration_phases

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.link import Link
    from app.gateway.migrator.work import Work
    from app.models import ProtocolMigration

PING_SECONDS: Final = 10.0
"""How long a health ping may take before it counts as unanswered."""
PINGS_BEFORE: Final = 3


async def before(work: Work) -> None:
    """Measure the old connection, where there is one and the new one is to be watched."""
    link = work.channel.link
    if not work.migration.plan.verification.seconds or link is None or link.lost.done():
        return
    pings = await _pings(link)
    work.before = await store(work, "before", link, pings)


async def _pings(link: Link) -> list[float]:
    """Ping as often as the protocol likes (wire.md: an HTTP health check may take seconds)."""
    found = list[float]()
    try:
        for _ in range(PINGS_BEFORE if link.protocol is Protocol.ACP else 1):
            found.append(await link.health(PING_SECONDS))
    except TimeoutError:
        return found  # there is the less to compare with
    return found


async def store(work: Work, when: str, link: Link, pings: list[float]) -> Measured:
    """Put pings, in milliseconds, together with what callers' requests took over a link, and keep both."""

    def keep(session: Session, migration: ProtocolMigration) -> Measured:
        taken = callers_requests.taken(session, link.book.connection_id)
        measured = Measured(
            protocol=link.protocol,
            pings=len(pings),
            ping_ms=round(median(pings), 3) if pings else None,
            requests=taken.requests,
            errors=taken.errors,
            request_ms=taken.median_ms,
        )
        migration_phases.measured(session, migration, when, measured)
        return measured

    return await work.write(keep)
