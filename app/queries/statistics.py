"""Statistics: messages, errors, bytes and percentiles of processing times, from the rollups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, Float, case, cast, func, select

from app.models import AcpConnection, AcpConnectionConfiguration, Container, FleetRollup, MessageRollup
from app.protocol.latencies import UNMEASURED, value_of
from app.protocol.states import Protocol

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.spans import Span
    from app.queries.statistics_view import View

TOP: Final = 50
ALL: Final = 1000
"""Groups that are shown when all are asked for."""
PERCENTILES: Final = (50, 95, 99)
TRANSPORT: Final = func.coalesce(AcpConnection.metadata_["transport"].astext, Protocol.ACP.value)


class Figures(NamedTuple):
    """What was exchanged in a group. `key` has the group's values.

    `measured` counts the messages with a processing time; `p50`, `p95`, `p99` are milliseconds, None where
    nothing was measured.
    """

    key: tuple[Any, ...]
    messages: int
    errors: int
    bytes: int
    measured: int
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def rate(self) -> float:
        """The part of the messages that are errors."""
        return self.errors / self.messages if self.messages else 0.0


NOTHING: Final = Figures((), 0, 0, 0, 0, None, None, None)


def totals(session: Session, view: View, span: Span) -> Figures:
    """Return the figures of all that a view is narrowed to."""
    found = _figures(session, view, span, ())
    return found[0] if found else NOTHING


def points(session: Session, view: View, span: Span) -> Sequence[Figures]:
    """Return the figures of each step that has any, in the order of time; the key is its beginning."""
    table = _table(view)
    return sorted(_figures(session, view, span, (table.at,)), key=lambda each: each.key)


def groups(session: Session, view: View, span: Span) -> Sequence[Figures]:
    """Return the figures of each group, by the view's sort, the greatest first: some, or with `whole` all.

    One more than is shown where there are more.
    """
    limit = ALL if view.whole else TOP
    return _figures(session, view, span, (_group(view),), sort=view.sort, limit=limit + 1)


def twins(session: Session, view: View, span: Span) -> Mapping[str, Mapping[str, Figures]]:
    """Return the figures of each method answered over both protocols, by protocol; the most used first."""
    methods: dict[str, dict[str, Figures]] = {}
    for each in _figures(session, view, span, (MessageRollup.method, TRANSPORT), sort="messages"):
        if each.measured:
            methods.setdefault(each.key[0], {})[each.key[1]] = each
    return {method: pair for method, pair in methods.items() if pair.keys() == set(Protocol)}


def names(
    session: Session, view: View, keys: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, tuple[str, str | None]]:
    """Return for each container or connection its container's name, and a connection's protocol."""
    if view.by == "container":
        named = select(Container.id, Container.name).where(Container.id.in_(keys))
        return {row[0]: (row[1], None) for row in session.execute(named)}
    of = select(AcpConnection.id, Container.name, TRANSPORT).join(Container).where(AcpConnection.id.in_(keys))
    return {row[0]: (row[1], row[2]) for row in session.execute(of)}


def unmeasured(session: Session, view: View) -> int:
    """Count the containers, of those that a view is about, whose configuration has metrics off."""
    off = select(func.count()).select_from(AcpConnectionConfiguration)
    off = off.where(AcpConnectionConfiguration.enable_metrics.is_(False))
    if view.container:
        off = off.join(Container).where(Container.name == view.container)
    return session.scalar(off) or 0


def _table(view: View) -> Any:
    """Choose the rollups: the fleet's are few, and tell nothing of a container."""
    return MessageRollup if view.of_some else FleetRollup


def _transport(view: View) -> Any:
    return TRANSPORT if view.of_some else FleetRollup.transport


def _group(view: View) -> Any:
    table = _table(view)
    return {
        "method": table.method,
        "type": table.message_type,
        "protocol": _transport(view),
        "container": AcpConnection.container_id,
        "connection": AcpConnection.id,
    }[view.by]


def _conditions(view: View, span: Span) -> list[ColumnElement[bool]]:
    table = _table(view)
    found = [table.step == span.step, table.at >= span.begin, table.at < span.end]
    if view.container:
        of_it = select(AcpConnection.id).join(Container).where(Container.name == view.container)
        found.append(MessageRollup.connection_id.in_(of_it))
    if view.connection_id:
        found.append(MessageRollup.connection_id == view.connection_id)
    if view.method:
        found.append(table.method == view.method)
    if view.type:
        found.append(table.message_type == view.type)
    if view.protocol:
        found.append(_transport(view) == view.protocol)
    return found


def _figures(
    session: Session,
    view: View,
    span: Span,
    keys: Sequence[Any],
    *,
    sort: str | None = None,
    limit: int | None = None,
) -> list[Figures]:
    """Sum up by keys and bins, and read the percentiles from the running sums of each group's bins."""
    table, labels = _table(view), [f"key_{place}" for place in range(len(keys))]
    columns = [key.label(label) for key, label in zip(keys, labels, strict=True)]
    binned = select(
        *columns,
        table.bin.label("bin"),
        *(
            cast(func.sum(getattr(table, each)), BigInteger).label(each)
            for each in ("messages", "errors", "bytes")
        ),
    ).where(*_conditions(view, span))
    if view.of_some:
        binned = binned.join(AcpConnection, AcpConnection.id == MessageRollup.connection_id)
    sums = binned.group_by(*keys, table.bin).subquery()
    grouped = [sums.c[label] for label in labels]
    timed = case((sums.c.bin > UNMEASURED, sums.c.messages), else_=0)
    running = select(
        sums,
        timed.label("timed"),
        func.sum(timed).over(partition_by=grouped or None, order_by=sums.c.bin).label("upto"),
        func.sum(timed).over(partition_by=grouped or None).label("measured"),
    ).subquery()
    total = {
        each: cast(func.sum(running.c[each]), BigInteger) for each in ("messages", "errors", "bytes", "timed")
    }
    ranks = {
        f"p{percent}": func.min(running.c.bin).filter(
            running.c.bin > UNMEASURED, running.c.upto * 100 >= running.c.measured * percent
        )
        for percent in PERCENTILES
    }
    again = [running.c[label] for label in labels]
    statement = select(*again, *total.values(), *ranks.values()).group_by(*again)
    if not keys:
        statement = statement.having(func.count() > 0)
    if sort:
        sorts = {**total, **ranks, "rate": cast(total["errors"], Float) / total["messages"]}
        statement = statement.order_by(sorts[sort].desc().nulls_last(), *again)
    found = session.execute(statement.limit(limit) if limit else statement)
    return [_read(row, len(keys)) for row in found]


def _read(row: Any, keys: int) -> Figures:
    sums, bins = row[keys : keys + 4], row[keys + 4 :]
    return Figures(tuple(row[:keys]), *sums, *(value_of(each) if each else None for each in bins))
