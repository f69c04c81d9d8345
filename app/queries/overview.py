"""The fleet at a glance: figures, recent losses, and how many there were over the last hours."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Float, and_, case, func, select

from app.models import AcpConnection, AcpConnectionTransition, AcpMessage, Container
from app.models.base import first_id_at
from app.protocol.end_kinds import of_reason
from app.protocol.states import ConnectionStatus
from app.queries import containers, gateways, statistics
from app.queries.statistics_view import View

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.protocol.end_kinds import EndKind
    from app.queries.containers import Counts
    from app.queries.gateways import GatewayRow
    from app.queries.statistics import Figures as Processed

HOUR: Final = dt.timedelta(hours=1)
LAST_HOUR: Final = View(last="1h")
MOST_ERRORS: Final = 10_000
"""Records of errors that are counted; where there are more, it is told as `at least`."""
PERCENTILES: Final = (0.5, 0.9, 0.99, 1.0)
BAR: Final = dt.timedelta(minutes=5)
BARS: Final = 36
"""Three hours of losses, a bar for five minutes."""


class Latency(NamedTuple):
    """The last health ping's round trip over those connected now, in ms; None where none is measured."""

    measured: int
    median: float | None
    p90: float | None
    p99: float | None
    slowest: float | None


class Figures(NamedTuple):
    """Where the fleet stands; rates are of the gateways' last heartbeats, counts of the last hour."""

    counts: Counts
    latency: Latency
    records_per_second: float
    callers: int
    errors: int
    errors_capped: bool
    losses: int
    silent_agents: int
    processing: Processed
    """Messages that were processed within the last hour, from the rollups."""


class Fleet(NamedTuple):
    """The gateways, and how many containers none of them holds."""

    gateways: Sequence[GatewayRow]
    nobodys: int


class Loss(NamedTuple):
    """A connection that was lost: whose, when and why."""

    container_id: uuid.UUID
    container: str
    connection_id: uuid.UUID
    at: dt.datetime
    reason: str
    closed_by: str | None
    close_code: int | None
    status_now: str

    @property
    def kind(self) -> EndKind:
        return of_reason(self.reason, self.closed_by, self.close_code)


class Bar(NamedTuple):
    """Losses within five minutes from `begin` on."""

    begin: dt.datetime
    losses: int


def fleet(session: Session) -> Fleet:
    """Return the gateways as the overview shows them."""
    held = gateways.held_by_each(session)
    return Fleet(gateways.rows(session, holdings=held), held.get(None, 0))


def figures(session: Session, now: dt.datetime, shown: Fleet) -> Figures:
    """Return the figures; nothing of this grows with the history."""
    latency, silent = _latency(session)
    alive = [each for each in shown.gateways if each.state != "silent"]
    errors = _errors(session, now - HOUR)
    return Figures(
        counts=containers.counts(session),
        latency=latency,
        records_per_second=sum(each.messages_per_second for each in alive),
        callers=sum(each.callers for each in alive),
        errors=errors,
        errors_capped=errors >= MOST_ERRORS,
        losses=_losses(session, now - HOUR),
        silent_agents=silent,
        processing=statistics.totals(session, LAST_HOUR, LAST_HOUR.span(now)),
    )


def _latency(session: Session) -> tuple[Latency, int]:
    """Return the latencies of what is connected, and how many agents owe an answer."""
    milliseconds = AcpConnection.metadata_["latency_ms"].as_float()
    measured = func.count(milliseconds)
    percentiles = [
        func.percentile_cont(each, type_=Float).within_group(milliseconds.asc()) for each in PERCENTILES
    ]
    silent = func.count(case((AcpConnection.metadata_["silent_since"].astext.is_not(None), 1)))
    row: Any = session.execute(
        select(measured, *percentiles, silent).where(AcpConnection.status == ConnectionStatus.CONNECTED)
    ).one()
    return Latency(*row[:5]), row[5]


def _errors(session: Session, since: dt.datetime) -> int:
    """Count records of errors, by `ix_acp_message_error`."""
    some = select(AcpMessage.id).where(AcpMessage.error, AcpMessage.id >= first_id_at(since))
    return session.scalar(select(func.count()).select_from(some.limit(MOST_ERRORS).subquery())) or 0


def _lost(since: dt.datetime) -> Any:
    return and_(
        AcpConnectionTransition.at >= since, AcpConnectionTransition.to_status == ConnectionStatus.ERROR
    )


def _losses(session: Session, since: dt.datetime) -> int:
    return session.scalar(select(func.count()).select_from(AcpConnectionTransition).where(_lost(since))) or 0


def recent_losses(session: Session, now: dt.datetime, limit: int = 8) -> Sequence[Loss]:
    """Return what was lost last within a day, the newest first."""
    row = AcpConnectionTransition
    found = session.execute(
        select(
            Container.id,
            Container.name,
            row.connection_id,
            row.at,
            row.reason,
            row.closed_by,
            row.close_code,
            AcpConnection.status,
        )
        .select_from(row)
        .join(Container, Container.id == row.container_id)
        .join(AcpConnection, AcpConnection.id == row.connection_id)
        .where(_lost(now - 24 * HOUR))
        .order_by(row.at.desc(), row.id.desc())
        .limit(limit)
    )
    return [Loss(*each) for each in found]


def losses_span(now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return when the bars of the losses begin, and when the last of them ends."""
    seconds = BAR.total_seconds()
    end = dt.datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, dt.UTC)
    return end - BARS * BAR, end


def losses_over_time(session: Session, now: dt.datetime) -> Sequence[Bar]:
    """Return the losses in each five minutes of the last three hours, the oldest first."""
    seconds = int(BAR.total_seconds())
    begin, end = losses_span(now)
    first, last = int(begin.timestamp()) // seconds, int(end.timestamp()) // seconds - 1
    bar = func.floor(func.extract("epoch", AcpConnectionTransition.at) / seconds)
    counted = {
        int(row[0]): row[1]
        for row in session.execute(select(bar, func.count()).where(_lost(begin)).group_by(bar))
    }
    return [
        Bar(dt.datetime.fromtimestamp(each * seconds, dt.UTC), counted.get(each, 0))
        for each in range(first, last + 1)
    ]
