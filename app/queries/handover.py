"""What has changed since a moment (ux.md: shift handover), and when each person has looked last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased, joinedload

from app.models import AcpMessage, AuditEvent, LastLook, ProtocolMigration
from app.models.base import first_id_at
from app.queries import audit, ends, plot_notes

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.queries.ends import Ends
    from app.queries.plot_notes import Made

EXAMPLES: Final = 3
MOST_ERRORS: Final = 5_000
"""Records of errors that are grouped at once, the newest."""
MOST_GROUPS: Final = 5
ACTIONS: Final = (
    "container registered",
    "container removed",
    "container changed",
    "configuration changed",
)
"""What people did to containers, as the audit trail names it."""


class Done(NamedTuple):
    """What people did: how often, and the newest examples."""

    action: str
    times: int
    examples: Sequence[AuditEvent]


class Outcome(NamedTuple):
    """Protocol migrations with one outcome (`under way`, `completed`, `failed`), and the newest examples."""

    outcome: str
    times: int
    examples: Sequence[ProtocolMigration]


class ErrorGroup(NamedTuple):
    """Records of errors with the same words: how many, and the newest of them."""

    words: str
    times: int
    newest_id: uuid.UUID
    newest: dt.datetime


class Changes(NamedTuple):
    """What changed from one moment to another."""

    since: dt.datetime
    until: dt.datetime
    ends: Ends
    migrations: Sequence[Outcome]
    done: Sequence[Done]
    names: Mapping[uuid.UUID, str]
    """The present names of what `done` is about."""
    errors: Sequence[ErrorGroup]
    notes: Made

    @property
    def any(self) -> bool:
        parts = (self.ends.counts, self.migrations, self.done, self.errors, self.notes.times)
        return any(parts)


def last_look(session: Session, user_id: uuid.UUID) -> dt.datetime | None:
    """Return until when a person has seen what changed; None for one who has never said so."""
    return session.scalar(select(LastLook.at).where(LastLook.user_id == user_id))


def changes(session: Session, since: dt.datetime, until: dt.datetime) -> Changes:
    """Return what changed, counted and with examples; each part is bounded by the time range and a limit."""
    done = _done(session, since, until)
    return Changes(
        since,
        until,
        ends.by_kind(session, since, until),
        _migrations(session, since, until),
        done,
        audit.names(session, [event for each in done for event in each.examples]),
        _errors(session, since, until),
        plot_notes.made(session, since, until),
    )


def _within(column: Any, since: dt.datetime, until: dt.datetime) -> Any:
    return column.between(first_id_at(since), first_id_at(until))


def _done(session: Session, since: dt.datetime, until: dt.datetime) -> Sequence[Done]:
    within = (_within(AuditEvent.id, since, until), AuditEvent.action.in_(ACTIONS))
    place = func.row_number().over(partition_by=AuditEvent.action, order_by=AuditEvent.id.desc())
    count = func.count().over(partition_by=AuditEvent.action)
    ranked = select(AuditEvent, place.label("place"), count.label("count")).where(*within).subquery()
    event = aliased(AuditEvent, ranked)
    rows = session.execute(
        select(event, ranked.c.count).where(ranked.c.place <= EXAMPLES).order_by(event.id.desc())
    ).all()
    found = {row[0].action: row[1] for row in rows}
    return [
        Done(action, found[action], [row[0] for row in rows if row[0].action == action])
        for action in ACTIONS
        if action in found
    ]


def _migrations(session: Session, since: dt.datetime, until: dt.datetime) -> Sequence[Outcome]:
    """Group the protocol migrations that were begun."""
    outcome = case(
        (ProtocolMigration.completed_at.is_(None), "under way"),
        (ProtocolMigration.success.is_(True), "completed"),
        else_="failed",
    )
    within = _within(ProtocolMigration.id, since, until)
    counted = session.execute(select(outcome, func.count()).where(within).group_by(outcome))
    return [
        Outcome(
            name,
            count,
            session.scalars(
                select(ProtocolMigration)
                .where(within, outcome == name)
                .options(joinedload(ProtocolMigration.container))
                .order_by(ProtocolMigration.id.desc())
                .limit(EXAMPLES)
            ).all(),
        )
        for name, count in sorted(map(tuple, counted))
    ]


def _errors(session: Session, since: dt.datetime, until: dt.datetime) -> Sequence[ErrorGroup]:
    """Group records of errors by their words, by `ix_acp_message_error`."""
    some = (
        select(AcpMessage.id, AcpMessage.timestamp, AcpMessage.error_message)
        .where(AcpMessage.error, _within(AcpMessage.id, since, until))
        .order_by(AcpMessage.id.desc())
        .limit(MOST_ERRORS)
        .subquery()
    )
    words = func.coalesce(some.c.error_message, "an error without words")
    newest = func.array_agg(some.c.id)[1]  # they come the newest first
    return [
        ErrorGroup(*row)
        for row in session.execute(
            select(words, func.count(), newest, func.max(some.c.timestamp))
            .group_by(words)
            .order_by(func.count().desc(), words)
            .limit(MOST_GROUPS)
        )
    ]
