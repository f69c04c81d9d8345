"""What callers' requests over one connection took, from its latest records."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.models import AcpMessage
from app.protocol.classify import PING_METHOD
from app.protocol.rpc import RpcKind
from app.protocol.states import Direction

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

LATEST: Final = 500
"""Requests that are looked at, the newest."""


class Taken(NamedTuple):
    """How many requests have ended, how many of them badly, and the median of the others in milliseconds."""

    requests: int
    errors: int
    median_ms: float | None


def taken(session: Session, connection_id: uuid.UUID) -> Taken:
    """Return it of the latest requests that were sent to the container and have ended."""
    asked = (
        select(AcpMessage.id)
        .where(
            AcpMessage.connection_id == connection_id,
            AcpMessage.direction == Direction.OUTBOUND,
            AcpMessage.rpc_kind == RpcKind.REQUEST,
            AcpMessage.method.not_in((PING_METHOD, "initialize")),
            AcpMessage.caller.is_not(None),
            ~AcpMessage.local,
        )
        .order_by(AcpMessage.id.desc())
        .limit(LATEST)
        .subquery()
    )
    reply = aliased(AcpMessage)
    rows = session.execute(
        select(reply.rpc_kind, reply.processing_time).join(asked, reply.reply_to == asked.c.id)
    ).all()
    times = [row.processing_time for row in rows if row.rpc_kind == RpcKind.RESPONSE]
    known = [each for each in times if each is not None]
    return Taken(len(rows), len(rows) - len(times), float(median(known)) if known else None)
