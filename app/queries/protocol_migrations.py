"""Protocol migrations of a container and of the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from app.errors import NotFound
from app.models import Container, ProtocolMigration
from app.protocol.states import Cause, Protocol
from app.queries import paging
from app.queries.narrowing import Narrowing, within
from app.queries.paging import newest_first

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Order, Page, Where


def get(session: Session, migration_id: uuid.UUID) -> ProtocolMigration:
    """Return a protocol migration.

    Raises:
        NotFound: there is none.
    """
    migration = session.get(ProtocolMigration, migration_id)
    if migration is None:
        raise NotFound(f"there is no protocol migration {migration_id}")
    return migration


def open_of(session: Session, container_id: uuid.UUID) -> ProtocolMigration | None:
    """Return the one protocol migration of a container that is under way."""
    return session.scalar(
        select(ProtocolMigration).where(
            ProtocolMigration.container_id == container_id, ProtocolMigration.completed_at.is_(None)
        )
    )


def open_of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[ProtocolMigration]:
    """Return those of many containers, at most one of each."""
    return session.scalars(
        select(ProtocolMigration).where(
            ProtocolMigration.container_id == func.any(list(container_ids)),
            ProtocolMigration.completed_at.is_(None),
        )
    ).all()


def under_way(session: Session, limit: int = 20) -> Sequence[ProtocolMigration]:
    """Return the fleet's protocol migrations under way with their containers, the oldest first."""
    return session.scalars(
        select(ProtocolMigration)
        .where(ProtocolMigration.completed_at.is_(None))
        .options(joinedload(ProtocolMigration.container))
        .order_by(ProtocolMigration.id)
        .limit(limit)
    ).all()


def of_container(session: Session, container_id: uuid.UUID, limit: int = 20) -> Sequence[ProtocolMigration]:
    """Return a container's latest protocol migrations with their steps, the newest first."""
    return session.scalars(
        select(ProtocolMigration)
        .where(ProtocolMigration.container_id == container_id)
        .options(selectinload(ProtocolMigration.steps))
        .order_by(ProtocolMigration.id.desc())
        .limit(limit)
    ).all()


def to_roll_back(session: Session, container: Container) -> ProtocolMigration | None:
    """Return the one protocol migration of a container that can be taken back now, if there is one."""
    if open_of(session, container.id) is not None:
        return None
    last = session.scalar(
        select(ProtocolMigration)
        .where(ProtocolMigration.container_id == container.id, ProtocolMigration.success.is_(True))
        .order_by(ProtocolMigration.id.desc())
        .limit(1)
    )
    if last is None or not last.can_roll_back or not container.supports(last.from_protocol):
        return None
    return last if last.to_protocol == container.session.protocol_type else None


class Outcome(StrEnum):
    """How a protocol migration has ended, or that it has not.

    `failed` has switched nothing; `rolled_back` went back by itself, or was taken back later.
    """

    OPEN = "open"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFilter(Narrowing):
    """What the list is narrowed to.

    `container` and `actor` are parts of names, `protocol` is the one that was moved to.
    """

    WORDS = {  # noqa: RUF012 - the base says ClassVar
        "outcome": frozenset(each.value for each in Outcome),
        "protocol": frozenset(each.value for each in Protocol),
        "cause": frozenset(each.value for each in Cause),
    }

    container: str = ""
    outcome: str = ""
    protocol: str = ""
    cause: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""


ORDERS: Final[Mapping[str, Order]] = {"start": newest_first(ProtocolMigration.id)}

_OUTCOMES: Final = {
    Outcome.OPEN: ProtocolMigration.completed_at.is_(None),
    Outcome.COMPLETED: ProtocolMigration.success.is_(True) & ~ProtocolMigration.rollback,
    Outcome.ROLLED_BACK: ProtocolMigration.completed_at.is_not(None) & ProtocolMigration.rollback,
    Outcome.FAILED: ProtocolMigration.success.is_(False) & ~ProtocolMigration.rollback,
}


class MigrationRow(NamedTuple):
    """A line of the list; `container` is its name, and `open` says that it is under way."""

    id: uuid.UUID
    container_id: uuid.UUID
    container: str
    from_protocol: str
    to_protocol: str
    started_at: dt.datetime
    open: bool
    phase: str
    success: bool | None
    rollback: bool
    reason: str
    error_message: str | None
    requested_by: str


_LINES: Final[Any] = select(
    ProtocolMigration.id,
    ProtocolMigration.container_id,
    Container.name,
    ProtocolMigration.from_protocol,
    ProtocolMigration.to_protocol,
    ProtocolMigration.started_at,
    ProtocolMigration.completed_at.is_(None),
    ProtocolMigration.phase,
    ProtocolMigration.success,
    ProtocolMigration.rollback,
    ProtocolMigration.reason,
    ProtocolMigration.error_message,
    ProtocolMigration.requested_by,
).join(ProtocolMigration.container)


def lines(session: Session, narrowed: MigrationFilter, where: Where) -> Page[MigrationRow]:
    """Return one page of the list.

    Raises:
        Invalid: the cursor is none of this list.
    """
    conditions = tuple(_conditions(narrowed))
    statement = _LINES.where(*conditions) if conditions else _LINES
    return paging.read(session, statement, ORDERS, where, make=MigrationRow._make)


def page(
    session: Session, narrowed: MigrationFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[ProtocolMigration]:
    """Return one page of the fleet's protocol migrations with their containers.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = (
        select(ProtocolMigration)
        .join(ProtocolMigration.container)
        .options(contains_eager(ProtocolMigration.container))
        .where(*_conditions(narrowed))
    )
    return paging.read_whole(session, statement, ORDERS, where, limit=limit)


def check(narrowed: MigrationFilter) -> None:
    """Read what a filter says.

    Raises:
        Invalid: of a time, what is none.
    """
    list(_conditions(narrowed))


def _conditions(narrowed: MigrationFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.container:
        yield Container.name.icontains(narrowed.container, autoescape=True)
    if narrowed.outcome:
        yield _OUTCOMES[Outcome(narrowed.outcome)]
    if narrowed.protocol:
        yield ProtocolMigration.to_protocol == narrowed.protocol
    if narrowed.cause:
        yield ProtocolMigration.cause == narrowed.cause
    if narrowed.actor:
        yield ProtocolMigration.requested_by.icontains(narrowed.actor, autoescape=True)
    started = ProtocolMigration.started_at
    yield from within(ProtocolMigration.id, started, narrowed.since, narrowed.until)
