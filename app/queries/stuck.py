"""What is stuck in the fleet: requests without an answer, prompts that fell silent, agents, connections.

Nothing here scans records: what waits for an answer stands in a table of its own.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    UUID,
    DateTime,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)

from app.models import AcpConnection, AcpConnectionTransition, AcpMessage, AcpOpenRequest, Container
from app.models.base import first_id_at
from app.protocol import conversation
from app.protocol.states import ConnectionStatus, Direction
from app.queries import open_requests

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

REQUEST, PROMPT, PERMISSION, AGENT, CONNECTION = "request", "prompt", "permission", "agent", "connection"
KINDS: Final = {
    PERMISSION: "waits for a caller",
    PROMPT: "prompt without an answer",
    REQUEST: "request without an answer",
    AGENT: "agent does not answer",
    CONNECTION: "not connected",
}
"""Each kind of being stuck, in words; a prompt or permission is a request, too, but is counted as itself."""

PATIENCE_SECONDS: Final = 60
"""A request that waits for less is not stuck; a connection may need as long to come back."""
WINDOW: Final = dt.timedelta(days=1)
"""Older requests are not looked for across the fleet; the connection's page still shows them."""
NO_ID: Final = cast(null(), UUID)
NO_TEXT: Final = cast(null(), Text)
MOST: Final = 10_000
"""Open requests that are looked at, the oldest."""
UPDATES: Final = 500
"""Of a connection's last records so many are looked through for a prompt's last sign of life."""


class Stuck(NamedTuple):
    """Something that is stuck: of which kind, where, since when; `what` is a method, a state or a reason."""

    kind: str
    container_id: uuid.UUID
    container: str
    connection_id: uuid.UUID
    message_id: uuid.UUID | None
    what: str
    caller: str | None
    since: dt.datetime
    silent_since: dt.datetime | None = None
    """Of a prompt: when its session was last heard of."""


class StuckList(NamedTuple):
    """The oldest of what is stuck, how much there is of each kind, and whether more requests may be."""

    items: Sequence[Stuck]
    counts: dict[str, int]
    capped: bool

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def kind_of(word: str) -> str:
    """Return a kind that a URL names; empty, for all of them, where it is none."""
    return word if word in KINDS else ""


def find(session: Session, now: dt.datetime, *, kind: str = "", limit: int = 10) -> StuckList:
    """Return what is stuck, the oldest first; with a kind only its items, but all counts."""
    late = now - dt.timedelta(seconds=PATIENCE_SECONDS)
    found = union_all(_agents(), _connections(late), _requests(now, late)).subquery()
    place = func.row_number().over(partition_by=found.c.kind, order_by=found.c.since).label("place")
    of_kind = func.count().over(partition_by=found.c.kind).label("of_kind")
    ranked = select(found, of_kind, place).subquery()
    rows = session.execute(select(ranked).where(ranked.c.place <= limit).order_by(ranked.c.since)).all()
    counts = dict.fromkeys(KINDS, 0) | {row.kind: row.of_kind for row in rows}
    items = [Stuck(*row[: len(found.c)]) for row in rows if kind in {"", row.kind}][:limit]
    asked = sum(counts[each] for each in (PERMISSION, PROMPT, REQUEST))
    return StuckList([_heard(session, each) for each in items], counts, asked >= MOST)


def _heard(session: Session, item: Stuck) -> Stuck:
    """Add to a prompt when its session was last heard of, if that is among the connection's last records."""
    if item.kind != PROMPT or item.message_id is None:
        return item
    prompt = session.get_one(AcpMessage, item.message_id)
    last = (
        select(AcpMessage.acp_session_id, AcpMessage.timestamp, AcpMessage.id)
        .where(AcpMessage.connection_id == item.connection_id, AcpMessage.id > item.message_id)
        .order_by(AcpMessage.id.desc())
        .limit(UPDATES)
        .subquery()
    )
    heard = session.scalar(
        select(func.max(last.c.timestamp)).where(last.c.acp_session_id == prompt.acp_session_id)
    )
    return item._replace(silent_since=heard)


def _agents() -> Select[Any]:
    """Select connections whose agent owes an answer to a health request, while its socket lives."""
    since = AcpConnection.metadata_["silent_since"].astext
    return _select(AGENT, literal(""), since.cast(DateTime(timezone=True))).where(
        AcpConnection.status == ConnectionStatus.CONNECTED, since.is_not(None)
    )


def _connections(late: dt.datetime) -> Select[Any]:
    """Select connections that were lost and are not back."""
    last = (
        select(AcpConnectionTransition.at, AcpConnectionTransition.reason)
        .where(AcpConnectionTransition.connection_id == AcpConnection.id)
        .where(AcpConnectionTransition.to_status == ConnectionStatus.ERROR)
        .order_by(AcpConnectionTransition.id.desc())
        .limit(1)
        .correlate(AcpConnection)
        .lateral("last")
    )
    what = AcpConnection.status + literal(": ") + last.c.reason
    return (
        _select(CONNECTION, what, last.c.at)
        .join(last, true())
        .where(AcpConnection.status.in_((ConnectionStatus.ERROR, ConnectionStatus.RECONNECTING)))
        .where(last.c.at < late)
    )


def _requests(now: dt.datetime, late: dt.datetime) -> Select[Any]:
    """Select the requests, of agents and of callers, that nobody has answered."""
    kind = case(
        (AcpOpenRequest.direction == Direction.INBOUND, PERMISSION),
        (AcpOpenRequest.method == conversation.PROMPT, PROMPT),
        else_=REQUEST,
    )
    return (
        _select(kind, AcpMessage.method, AcpMessage.timestamp, AcpMessage.id, AcpMessage.caller)
        .join(AcpOpenRequest, AcpOpenRequest.connection_id == AcpConnection.id)
        .join(AcpMessage, AcpMessage.id == AcpOpenRequest.id)
        .where(AcpConnection.status == ConnectionStatus.CONNECTED)
        .where(AcpOpenRequest.id >= first_id_at(now - WINDOW), AcpOpenRequest.id < first_id_at(late))
        .where(~open_requests.answered(AcpOpenRequest.id))
        .order_by(AcpOpenRequest.id)
        .limit(MOST)
    )


def _select(kind: Any, what: Any, since: Any, message_id: Any = NO_ID, caller: Any = NO_TEXT) -> Select[Any]:
    named = literal(kind) if isinstance(kind, str) else kind
    return (
        select(
            named.label("kind"),
            Container.id.label("container_id"),
            Container.name.label("container"),
            AcpConnection.id.label("connection_id"),
            message_id.label("message_id"),
            what.label("what"),
            caller.label("caller"),
            since.label("since"),
        )
        .select_from(AcpConnection)
        .join(Container, Container.id == AcpConnection.container_id)
    )
