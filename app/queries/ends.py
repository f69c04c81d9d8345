"""How connections were lost or ended: counts by kind, and what those that dropped together have in common."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Text, and_, case, cast, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.models import (
    AcpConnection,
    AcpConnectionConfiguration,
    AcpConnectionTransition,
    ConfigurationRevision,
    Container,
    ContainerLease,
    Gateway,
)
from app.protocol.end_kinds import KINDS, PEER_CODE, of_reason, of_word
from app.protocol.endings import PEER
from app.protocol.endpoints import parse_endpoint
from app.protocol.states import ENDS, ConnectionStatus
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.protocol.end_kinds import EndKind

    Moment = dt.datetime | ColumnElement[dt.datetime]

MOST: Final = 20_000
"""Ends that are counted at once, the newest of a time range; sorting these takes about 0.1 s."""
TOGETHER: Final = 3
"""So many containers lost within one minute are worth asking what they have in common."""
MOST_MINUTES: Final = 5


class EndCount(NamedTuple):
    """How often connections ended in one way, of how many containers, when last and in which words."""

    kind: EndKind
    times: int
    containers: int
    newest: dt.datetime
    reason: str


class Ends(NamedTuple):
    """Counts, the most frequent first; `capped` where there are more than MOST ends in the range."""

    counts: Sequence[EndCount]
    total: int
    capped: bool


class Shared(NamedTuple):
    """What some of those that dropped together have in common: a fact, its value, and of how many."""

    fact: str
    value: str
    containers: int


class Together(NamedTuple):
    """Containers lost within one minute, and what they share, what is true of most first."""

    minute: dt.datetime
    containers: int
    shared: Sequence[Shared]
    names: Sequence[tuple[uuid.UUID, str]]

    @property
    def ends(self) -> dt.datetime:
        return self.minute + dt.timedelta(minutes=1)


def kind_column(row: Any = AcpConnectionTransition) -> ColumnElement[str]:
    """Return the word of a transition's kind, sorted by the database as `of_reason` sorts."""
    peer = fixed(PEER)
    of_peer = case((row.close_code.is_not(None), fixed(PEER_CODE) + cast(row.close_code, Text)), else_=peer)
    sorted_ = [
        (or_(*(row.reason.like(fixed(each)) for each in kind.patterns)), fixed(word))
        for word, kind in KINDS.items()
    ]
    return case((row.closed_by == peer, of_peer), *sorted_, else_=of_peer)


def by_kind(
    session: Session,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    *,
    connection_id: uuid.UUID | None = None,
    container_id: uuid.UUID | None = None,
    losses: bool = False,
) -> Ends:
    """Count the ends of a time range by kind, of one connection, one container, or all.

    With `losses` only what went to `error`: what nobody wanted.
    """
    row = AcpConnectionTransition
    chosen = select(kind_column().label("kind"), row.container_id, row.at, row.reason).where(
        row.to_status == ConnectionStatus.ERROR if losses else row.to_status.in_(ENDS), *_range(since, until)
    )
    if connection_id is not None:
        chosen = chosen.where(row.connection_id == connection_id)
    if container_id is not None:
        chosen = chosen.where(row.container_id == container_id)
    some = chosen.order_by(row.at.desc(), row.id.desc()).limit(MOST).subquery()
    newest = func.max(some.c.at)
    words = func.array_agg(aggregate_order_by(some.c.reason, some.c.at.desc()), type_=ARRAY(Text))[1]
    counted = session.execute(
        select(some.c.kind, func.count(), func.count(some.c.container_id.distinct()), newest, words)
        .group_by(some.c.kind)
        .order_by(func.count().desc(), some.c.kind)
    )
    counts = [
        EndCount(_kind(word, reason), times, containers, at, reason)
        for word, times, containers, at, reason in counted
    ]
    total = sum(each.times for each in counts)
    return Ends(counts, total, total >= MOST)


def _kind(word: str, reason: str) -> EndKind:
    return of_word(word) or of_reason(reason)


def ended_as(word: str, by: str, since: Moment | None, until: Moment | None) -> Sequence[ColumnElement[bool]]:
    """Return the conditions of a connection that ended in one way, or by one side, within a time range."""
    row = AcpConnectionTransition
    conditions = [*_range(since, until)]
    if word or by:
        conditions.append(row.to_status.in_(ENDS))
    if PEER in (word, by):
        conditions.append(kind_column().like(f"{PEER}%"))
    elif word:
        conditions.append(kind_column() == word)
    elif by:
        ours = [each for each, kind in KINDS.items() if kind.by == by]
        conditions.append(or_(row.closed_by == by, and_(row.closed_by.is_(None), kind_column().in_(ours))))
    chosen = select(row.connection_id).where(*conditions)
    return [AcpConnection.id.in_(chosen)] if conditions else []


def _range(since: Moment | None, until: Moment | None) -> list[ColumnElement[bool]]:
    at = AcpConnectionTransition.at
    return [
        *([at >= since] if since is not None else []),
        *([at < until] if until is not None else []),
    ]


def together(
    session: Session, since: dt.datetime, until: dt.datetime, least: int = TOGETHER
) -> Sequence[Together]:
    """Return the minutes in which most containers were lost, the latest first, with what they share.

    A loss is a move to `error`. The gateway is the one that holds the container now: the one that held it
    then is not kept.
    """
    row = AcpConnectionTransition
    minute = func.date_trunc("minute", row.at)
    count = func.count(row.container_id.distinct())
    minutes = session.execute(
        select(minute, count)
        .where(row.to_status == ConnectionStatus.ERROR, *_range(since, until))
        .group_by(minute)
        .having(count >= least)
        .order_by(count.desc(), minute.desc())
        .limit(MOST_MINUTES)
    )
    found = [_of_minute(session, at, number) for at, number in minutes]
    return sorted(found, key=lambda each: each.minute, reverse=True)


def _of_minute(session: Session, minute: dt.datetime, containers: int) -> Together:
    row, saved = AcpConnectionTransition, ConfigurationRevision
    revision = (
        select(saved.at, saved.actor, saved.reason)
        .where(saved.container_id == row.container_id, saved.at <= row.at, saved.number > 1)
        .order_by(saved.number.desc())
        .limit(1)
        .correlate(row)
        .lateral("revision")
    )
    after = minute + dt.timedelta(minutes=1)
    rows = session.execute(
        select(
            Container.id,
            Container.name,
            Container.endpoint_url,
            Container.image,
            Gateway.address,
            AcpConnectionConfiguration.encryption_level,
            revision.c.at.label("saved"),
            revision.c.actor,
            revision.c.reason.label("saved_for"),
            row.at,
            row.reason,
            row.closed_by,
            row.close_code,
        )
        .select_from(row)
        .join(Container, Container.id == row.container_id)
        .join(AcpConnectionConfiguration, AcpConnectionConfiguration.container_id == Container.id)
        .outerjoin(revision, true())
        .outerjoin(ContainerLease, ContainerLease.container_id == Container.id)
        .outerjoin(Gateway, Gateway.id == ContainerLease.gateway_id)
        .where(row.to_status == ConnectionStatus.ERROR, row.at >= minute, row.at < after)
        .order_by(row.at.desc())
    )
    lost = sorted({each.id: each for each in rows}.values(), key=lambda each: each.at)  # each's first loss
    tally: Counter[tuple[str, str]] = Counter()
    for each in lost:
        tally.update(_facts(each))
    shared = [Shared(*fact, count) for fact, count in tally.most_common() if count > containers / 2]
    return Together(minute, containers, shared, [(each.id, each.name) for each in lost[:10]])


def _facts(lost: Any) -> Sequence[tuple[str, str]]:
    """Name what may be the cause of a loss, each fact with its value."""
    facts = {
        "reason": of_reason(lost.reason, lost.closed_by, lost.close_code).title,
        "host": parse_endpoint(lost.endpoint_url).host,
        "image": lost.image,
        "gateway now": lost.address,
        "encryption level": lost.encryption_level,
        "configuration of": lost.saved
        and f"{lost.saved:%Y-%m-%d %H:%M} UTC by {lost.actor}: {lost.saved_for}",
    }
    return [(fact, value) for fact, value in facts.items() if value]
