"""The list of a container's ACP sessions, by page: as they are kept, and what was recorded since.

The rollups' worker keeps them some seconds behind what is recorded (`models.acp_session`). What the present
connection has recorded meanwhile is added from its records, so that a new session is there at once.
"""

from __future__ import annotations

import datetime as dt
import uuid
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Uuid, bindparam, func, or_, select, text

from app.errors import NotFound
from app.models import (
    AcpConnection,
    AcpConnectionSequence,
    AcpSession,
    Container,
    ContainerStanding,
    RollupProgress,
)
from app.models.acp_session import LONGEST_SESSION_ID, OTHER_SESSIONS
from app.protocol.conversation import PROMPT
from app.queries import paging, plain
from app.queries.fixed import fixed
from app.queries.paging import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where

TAIL: Final = 1_000
"""Records, of those that are in no session yet, among which is looked for what is new."""

ORDERS: Final[Mapping[str, Order]] = {
    "active": Order(column=AcpSession.active_at, kind=dt.datetime, tie=AcpSession.id, falls=True)
}
"""By when they were last active: a page in itself, and pages among each other up to half a minute."""


class Entry(NamedTuple):
    """A session in a list; an empty id stands for those without a line of their own."""

    session_id: str
    first: dt.datetime
    last: dt.datetime
    prompts: int
    messages: int


class Whose(NamedTuple):
    """The name of a container, and how many records of its present connection are in no session yet."""

    name: str
    waiting: int


_OF: Final = bindparam("of", type_=Uuid)
_WAITING: Final = AcpConnectionSequence.last_seq - func.coalesce(RollupProgress.sessions_seq, 0)
_WHOSE: Final = (
    select(Container.name, func.coalesce(_WAITING, 0))
    .outerjoin(ContainerStanding, ContainerStanding.container_id == Container.id)
    .outerjoin(AcpConnectionSequence, AcpConnectionSequence.connection_id == ContainerStanding.connection_id)
    .outerjoin(RollupProgress, RollupProgress.connection_id == ContainerStanding.connection_id)
    .where(Container.id == _OF)
)
_PAGE: Final[Any] = select(
    AcpSession.session_id,
    *(AcpSession.first_at, AcpSession.last_at, AcpSession.prompts, AcpSession.messages),
).where(AcpSession.container_id == _OF)
# Behind the rollups, or else far behind what is recorded: what is no tail.
_UNCOUNTED: Final = (
    select(func.coalesce(func.sum(_WAITING), 0))
    .select_from(AcpConnectionSequence)
    .outerjoin(RollupProgress, RollupProgress.connection_id == AcpConnectionSequence.connection_id)
    .where(or_(RollupProgress.sessions_seq < RollupProgress.rolled_seq, fixed(TAIL) < _WAITING))
)
_UNCOUNTED_OF: Final = _UNCOUNTED.join(
    AcpConnection, AcpConnection.id == AcpConnectionSequence.connection_id
).where(AcpConnection.container_id == _OF)
# In one statement, so that no record is counted twice while the worker commits. Which records they are is
# found in the index alone, each then by its id: however far the worker is behind and however long the
# connection has been there, no more is read. Ids are compared and ordered together with the connection, for
# by ids alone PostgreSQL may read the whole fleet's. A session is looked up as the worker does it.
_RECENT: Final = text("""
    WITH recent AS MATERIALIZED (
        SELECT h.container_id, m.*
        FROM container_standing h
        LEFT JOIN rollup_progress p USING (connection_id)
        CROSS JOIN LATERAL (
            SELECT id FROM acp_message
            WHERE (connection_id, id) > (h.connection_id, coalesce(p.sessions_floor_id, CAST(:first AS uuid)))
                AND (connection_id, id) <= (h.connection_id, CAST(:last AS uuid))
            ORDER BY connection_id DESC, id DESC LIMIT :tail
        ) tail
        CROSS JOIN LATERAL (
            SELECT timestamp, method, rpc_kind, acp_session_id,
                CASE WHEN length(acp_session_id) <= :longest THEN acp_session_id
                    ELSE :others END AS session_id
            FROM acp_message WHERE id = tail.id AND seq > coalesce(p.sessions_seq, 0) LIMIT 1
        ) m
        WHERE h.container_id = :of
    ), met AS (
        SELECT container_id, session_id, min(timestamp) AS first_at, max(timestamp) AS last_at,
            count(*) FILTER (WHERE method = :prompt AND rpc_kind = 'request') AS prompts, count(*) AS messages
        FROM recent WHERE acp_session_id IS NOT NULL GROUP BY 1, 2 ORDER BY 4 DESC LIMIT :limit
    )
    SELECT met.session_id, least(met.first_at, s.first_at), greatest(met.last_at, s.last_at),
        met.prompts + coalesce(s.prompts, 0), met.messages + coalesce(s.messages, 0)
    FROM met LEFT JOIN LATERAL (
        SELECT * FROM acp_session s
        WHERE (s.container_id, s.session_id) >= (met.container_id, met.session_id)
            AND (s.container_id, s.session_id) <= (met.container_id, met.session_id)
        ORDER BY s.container_id, s.session_id LIMIT 1
    ) s ON true
""")

_CONSTANTS: Final = {
    "longest": LONGEST_SESSION_ID,
    "others": OTHER_SESSIONS,
    "prompt": PROMPT,
    "tail": TAIL,
    "first": uuid.UUID(int=0),
    "last": uuid.UUID(int=2**128 - 1),
    "limit": paging.LIMIT,
}


def whose(session: Session, container_id: uuid.UUID) -> Whose:
    """Return whose sessions they are.

    Raises:
        NotFound: there is no such container.
    """
    row = plain.read(session, _WHOSE, {"of": container_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no container {str(container_id)!r}")
    return Whose._make(row)


def page(session: Session, container_id: uuid.UUID, where: Where, waiting: int) -> Page[Entry]:
    """Return a page of a container's sessions, `waiting` of whose records are in none yet.

    Those that such records name stand on the page of the last active, beside what belongs there.

    Raises:
        Invalid: the cursor is none of this list.
    """
    of = {"of": container_id}
    recent = [Entry._make(row) for row in session.execute(_RECENT, of | _CONSTANTS)] if waiting else []
    found = paging.read(session, _PAGE, ORDERS, where, make=Entry._make, given=of)
    moved = {each.session_id for each in recent}
    rows = [each for each in found.rows if each.session_id not in moved]
    if (found.before if where.falls else found.after) is None:
        rows += recent
    rows.sort(key=attrgetter("last"), reverse=where.falls)
    return found._replace(rows=rows)


def uncounted(session: Session, container_id: uuid.UUID | None = None) -> int:
    """Count the records, of a container or of all, that wait to be counted longer than some seconds."""
    if container_id is None:
        return int(plain.read(session, _UNCOUNTED).scalar_one())
    return int(plain.read(session, _UNCOUNTED_OF, {"of": container_id}).scalar_one())
