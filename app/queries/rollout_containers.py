"""The containers of a rollout: page by page, narrowed, and by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, func, select

from app.errors import NotFound
from app.models import ProtocolMigration, RolloutContainer
from app.protocol.rollout_states import PartState
from app.queries import cursors, paging
from app.queries.narrowing import Narrowing
from app.queries.paging import Order

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where


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


ORDERS: Final[Mapping[str, Order]] = {"turn": Order(column=RolloutContainer.position, kind=int)}


def page(
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
        .where(part.rollout_id == rollout_id, *_conditions(narrowed))
    )
    return paging.read(session, statement, ORDERS, where, make=_row, limit=limit)


def ids(session: Session, rollout_id: uuid.UUID, names: Sequence[str]) -> Sequence[uuid.UUID]:
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


def _row(row: Sequence[Any]) -> PartRow:
    seconds = row[-1]
    return PartRow._make([*row[:-1], None if seconds is None else float(seconds)])


def _under_way() -> ColumnElement[Any]:
    return func.coalesce(RolloutContainer.back_migration_id, RolloutContainer.migration_id)


def _moving() -> ColumnElement[bool]:
    return RolloutContainer.state.in_([PartState.RUNNING, PartState.ROLLING_BACK])


def _conditions(narrowed: PartFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.text:
        yield RolloutContainer.name.icontains(narrowed.text, autoescape=True)
    if narrowed.state:
        yield RolloutContainer.state == narrowed.state
    if narrowed.wave.isdecimal() and len(narrowed.wave) < len(str(cursors.BIGGEST)):
        yield RolloutContainer.wave == int(narrowed.wave)
