"""Rollouts: the list, one with its waves and progress, its containers page by page, its events."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, func, or_, select

from app.errors import NotFound
from app.models import (
    ProtocolMigration,
    Rollout,
    RolloutContainer,
    RolloutEvent,
    RolloutWave,
    WebhookDelivery,
)
from app.protocol.rollout_states import LIVE, UNSETTLED, PartState, RolloutState, WaveState
from app.protocol.states import Protocol
from app.queries import paging
from app.queries.narrowing import Narrowing
from app.queries.paging import Order

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where

Counts = Counter[PartState]


def get(session: Session, rollout_id: uuid.UUID, *, lock: bool = False) -> Rollout:
    """Return a rollout as it is stored now; with `lock` nobody else changes it until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    statement = select(Rollout).where(Rollout.id == rollout_id)
    if lock:
        statement = statement.with_for_update()
    found = session.scalar(statement, execution_options={"populate_existing": True})
    if found is None:
        raise NotFound(f"there is no rollout {rollout_id}")
    return found


def now(session: Session) -> dt.datetime:
    """Return the time by the database's clock."""
    found: dt.datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return found


def waves(session: Session, rollout_id: uuid.UUID) -> Sequence[RolloutWave]:
    """Return a rollout's waves in their order, as they are stored now."""
    statement = select(RolloutWave).where(RolloutWave.rollout_id == rollout_id).order_by(RolloutWave.number)
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def counts(session: Session, rollout_id: uuid.UUID) -> Mapping[int | None, Counts]:
    """Count a rollout's containers by state, for each wave; None has those that are left out.

    An index has all that is read; 2,000 containers are counted in a millisecond.
    """
    counted = (
        select(RolloutContainer.wave, RolloutContainer.state, func.count())
        .where(RolloutContainer.rollout_id == rollout_id)
        .group_by(RolloutContainer.wave, RolloutContainer.state)
    )
    found: dict[int | None, Counts] = defaultdict(Counter)
    for wave, state, number in session.execute(counted):
        found[wave][PartState(state)] = number
    return found


def total(counted: Mapping[int | None, Counts]) -> Counts:
    """Add the counts of all waves up."""
    return sum(counted.values(), start=Counter())


def cancellable(session: Session, rollout_id: uuid.UUID) -> int:
    """Count the running containers that have not switched yet, and are not being cancelled."""
    part = RolloutContainer
    statement = (
        select(func.count())
        .select_from(part)
        .join(ProtocolMigration, ProtocolMigration.id == part.migration_id)
        .where(part.rollout_id == rollout_id, part.state == PartState.RUNNING)
        .where(ProtocolMigration.cancellable())
    )
    return session.scalars(statement).one()


def counts_of_many(session: Session, rollout_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Counts]:
    """Count the containers of some rollouts by state, for their list."""
    counted = (
        select(RolloutContainer.rollout_id, RolloutContainer.state, func.count())
        .where(RolloutContainer.rollout_id == func.any(list(rollout_ids)))
        .group_by(RolloutContainer.rollout_id, RolloutContainer.state)
    )
    found: dict[uuid.UUID, Counts] = defaultdict(Counter)
    for rollout_id, state, number in session.execute(counted):
        found[rollout_id][PartState(state)] = number
    return found


def present(all_waves: Sequence[RolloutWave]) -> RolloutWave | None:
    """Return the wave that is under way, or next: the first that has not passed."""
    return next((each for each in all_waves if each.state != WaveState.PASSED), None)


def to_look_after(session: Session) -> Sequence[uuid.UUID]:
    """Return the rollouts that a controller has to look after, the oldest first."""
    unsettled = select(RolloutContainer.rollout_id).where(RolloutContainer.state.in_(UNSETTLED))
    statement = select(Rollout.id).where(or_(Rollout.state.in_(LIVE), Rollout.id.in_(unsettled)))
    return session.scalars(statement.order_by(Rollout.id)).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFilter(Narrowing):
    """What the list is narrowed to. `text` is a part of the name, `actor` a part of who made it."""

    WORDS = {  # noqa: RUF012 - the base says ClassVar
        "state": frozenset(each.value for each in RolloutState),
        "protocol": frozenset(each.value for each in Protocol),
    }

    text: str = ""
    state: str = ""
    protocol: str = ""
    actor: str = ""


ORDERS: Final[Mapping[str, Order]] = {"start": Order(column=Rollout.id, kind=uuid.UUID, falls=True)}
"""Ids are made in the order of time."""


def page(
    session: Session, narrowed: RolloutFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[Rollout]:
    """Return one page of the list, the newest first.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = select(Rollout).where(*_conditions(narrowed))
    return paging.read_whole(session, statement, ORDERS, where, limit=limit)


def _conditions(narrowed: RolloutFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.text:
        yield Rollout.name.icontains(narrowed.text, autoescape=True)
    if narrowed.state:
        yield Rollout.state == narrowed.state
    if narrowed.protocol:
        yield Rollout.to_protocol == narrowed.protocol
    if narrowed.actor:
        yield Rollout.created_by.icontains(narrowed.actor, autoescape=True)


class PartRow(NamedTuple):
    """A container's line. `phase` is that of its protocol migration under way, None without one.

    `seconds` is how long its last attempt took, or has taken until now; None before the first.
    """

    id: uuid.UUID
    container_id: uuid.UUID | None
    name: str
    wave: int | None
    canary: bool
    late: bool
    state: str
    detail: str | None
    attempts: int
    migration_id: uuid.UUID | None
    back_migration_id: uuid.UUID | None
    phase: str | None
    began_at: dt.datetime | None
    ended_at: dt.datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFilter(Narrowing):
    """What a rollout's containers are narrowed to. `text` is a part of the name, `wave` a number."""

    WORDS = {"state": frozenset(each.value for each in PartState)}  # noqa: RUF012 - the base says ClassVar

    text: str = ""
    state: str = ""
    wave: str = ""


PART_ORDERS: Final[Mapping[str, Order]] = {"turn": Order(column=RolloutContainer.position, kind=int)}


def parts(
    session: Session, rollout_id: uuid.UUID, narrowed: PartFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[PartRow]:
    """Return one page of a rollout's containers, in the order of their turn; those left out come last.

    Raises:
        Invalid: the cursor is none of this list.
    """
    part = RolloutContainer
    seconds = func.extract("epoch", func.coalesce(part.ended_at, func.clock_timestamp()) - part.began_at)
    columns: list[Any] = [
        *(part.id, part.container_id, part.name, part.wave, part.canary, part.late, part.state),
        *(part.detail, part.attempts, part.migration_id, part.back_migration_id),
        *(ProtocolMigration.phase, part.began_at, part.ended_at, seconds),
    ]
    statement = (
        select(*columns)
        .select_from(part)
        .outerjoin(ProtocolMigration, and_(ProtocolMigration.id == _under_way(), _moving()))
        .where(part.rollout_id == rollout_id, *_part_conditions(narrowed))
    )
    return paging.read(session, statement, PART_ORDERS, where, make=_part_row, limit=limit)


def part_ids(session: Session, rollout_id: uuid.UUID, names: Sequence[str]) -> Sequence[uuid.UUID]:
    """Return the parts of some containers in a rollout, by their names.

    Raises:
        NotFound: one takes no part in it.
    """
    theirs = select(RolloutContainer.name, RolloutContainer.id).where(
        RolloutContainer.rollout_id == rollout_id, RolloutContainer.name == func.any(list(names))
    )
    found = {row.name: row.id for row in session.execute(theirs)}
    if missing := [name for name in names if name not in found]:
        raise NotFound(f"{', '.join(missing)} takes no part in this rollout")
    return list(found.values())


def _part_row(row: Sequence[Any]) -> PartRow:
    seconds = row[-1]
    return PartRow._make([*row[:-1], None if seconds is None else float(seconds)])


def _under_way() -> ColumnElement[Any]:
    return func.coalesce(RolloutContainer.back_migration_id, RolloutContainer.migration_id)


def _moving() -> ColumnElement[bool]:
    return RolloutContainer.state.in_([PartState.RUNNING, PartState.ROLLING_BACK])


def _part_conditions(narrowed: PartFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.text:
        yield RolloutContainer.name.icontains(narrowed.text, autoescape=True)
    if narrowed.state:
        yield RolloutContainer.state == narrowed.state
    if narrowed.wave.isdecimal() and len(narrowed.wave) < len(str(paging.BIGGEST)):
        yield RolloutContainer.wave == int(narrowed.wave)


def events(session: Session, rollout_id: uuid.UUID, limit: int = 100) -> Sequence[RolloutEvent]:
    """Return what happened in a rollout, the newest first."""
    return session.scalars(
        select(RolloutEvent)
        .where(RolloutEvent.rollout_id == rollout_id)
        .order_by(RolloutEvent.id.desc())
        .limit(limit)
    ).all()


def deliveries(session: Session, rollout_id: uuid.UUID, limit: int = 50) -> Sequence[WebhookDelivery]:
    """Return the notifications of a rollout, the newest first, with attempts and last error."""
    return session.scalars(
        select(WebhookDelivery)
        .where(WebhookDelivery.rollout_id == rollout_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    ).all()
