"""Pages of a list, found by key: the sort's value and the id of the row beside which a page begins.

A list names its orders (`Order`), a URL carries one of their names and a cursor, and `read` returns the page
with the cursors of the pages beside it. Nothing counts rows to skip, so that the last page costs what the
first does, and a row that comes or goes elsewhere moves none from one page to another.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import bindparam, tuple_

from app.queries import cursors, plain
from app.queries.fixed import fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    Column = ColumnElement[Any] | InstrumentedAttribute[Any]

Row = TypeVar("Row")

LIMIT: Final = 50
"""Rows of a page."""
SKEW: Final = dt.timedelta(minutes=15)
"""How far the clock that made an id may be from the database's."""
KEPT: Final = 256
"""Statements of pages that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A way to sort a list: by a column of some `kind`, and by `tie` where its values are the same.

    An index must serve `(column, tie)`; a column without a tie is unique. `falls` is the way that it goes if
    the URL says nothing: from the highest down.
    """

    column: Column
    kind: type
    tie: Column | None = None
    falls: bool = False


def newest_first(id_: Column) -> Order:
    """Sort by ids, which are made in the order of time."""
    return Order(column=id_, kind=uuid.UUID, falls=True)


@dataclass(frozen=True, slots=True)
class Where:
    """What a URL says of a page: which order, whether it falls, and the cursor after or before it."""

    sort: str
    falls: bool
    after: str | None = None
    before: str | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, str], orders: Mapping[str, Order]) -> Where:
        """Read the parameters `sort`, `after` and `before`; `sort=-name` goes the other way than `name`.

        Words that are no order of this list stand for its first one.
        """
        asked = arguments.get("sort", "")
        name = asked.removeprefix("-")
        if name not in orders:
            asked = name = next(iter(orders))
        falls = orders[name].falls is not asked.startswith("-")
        return cls(name, falls, arguments.get("after") or None, arguments.get("before") or None)

    def word(self, orders: Mapping[str, Order]) -> str:
        """Return the URL's word for this order and way."""
        return self.sort if self.falls is orders[self.sort].falls else f"-{self.sort}"


class Page(NamedTuple, Generic[Row]):
    """Some rows in order, and the cursors of the pages before and after them (None at the ends)."""

    rows: list[Row]
    before: str | None
    after: str | None


def read(
    session: Session,
    statement: Select[Any],
    orders: Mapping[str, Order],
    where: Where,
    *,
    make: Callable[[Sequence[Any]], Row],
    limit: int = LIMIT,
    given: Mapping[str, Any] | None = None,
) -> Page[Row]:
    """Return a page of what a statement selects; `make` makes a row of the columns that it selects.

    `given` are the values of the statement's own parameters.

    Raises:
        Invalid: the cursor is none of this order.
    """
    order = orders[where.sort]
    cut, cursor = keyed(statement, order, where, limit + 1)
    found = plain.read(session, cut, {**(given or {}), **cursor}).all()
    return _page(found, order, where, make, limit)


def read_whole(
    session: Session,
    statement: Select[Any],
    orders: Mapping[str, Order],
    where: Where,
    *,
    limit: int = LIMIT,
) -> Page[Any]:
    """Return a page of what a statement selects whole, as objects of the session.

    Raises:
        Invalid: the cursor is none of this order.
    """
    order = orders[where.sort]
    found = session.execute(*keyed(statement, order, where, limit + 1)).all()
    return _page(found, order, where, itemgetter(0), limit)


def _page(
    found: Sequence[Any], order: Order, where: Where, make: Callable[[Sequence[Any]], Row], limit: int
) -> Page[Row]:
    """Make a page of the rows that were read, one more than it shows if there are more."""
    back = where.after is None and where.before is not None
    more, found = len(found) > limit, found[:limit]
    if back:
        found = found[::-1]
    keys = 1 if order.tie is None else 2
    has_before = more if back else where.after is not None
    return Page(
        [make(row[:-keys]) for row in found],
        cursors.write(where.sort, found[0][-keys:]) if found and has_before else None,
        cursors.write(where.sort, found[-1][-keys:]) if found and (back or more) else None,
    )


def keyed(
    statement: Select[Any], order: Order, where: Where, limit: int
) -> tuple[Select[Any], Mapping[str, Any]]:
    """Return a statement's page, and the values of its cursor."""
    cursor = where.after if where.after is not None else where.before
    back = where.after is None and where.before is not None
    kinds = [order.kind] if order.tie is None else [order.kind, uuid.UUID]
    values = [] if cursor is None else cursors.read(cursor, where.sort, kinds)
    bound = {f"cursor_{place}": value for place, value in enumerate(values)}
    return _ordered(statement, order, where.falls is not back, bool(bound), limit), bound


@lru_cache(KEPT)
def _ordered(
    statement: Select[Any],
    order: Order,
    falls: bool,  # noqa: FBT001 - a part of the key, as the next
    from_cursor: bool,  # noqa: FBT001
    limit: int,
) -> Select[Any]:
    """Put a statement in order, from the begin or a cursor on, with the columns of the key added.

    The same object for the same: SQLAlchemy knows it then.
    """
    columns = [order.column] if order.tie is None else [order.column, order.tie]
    if from_cursor:
        bound = [bindparam(f"cursor_{place}", type_=each.type) for place, each in enumerate(columns)]
        left, right = (tuple_(*columns), tuple_(*bound)) if len(columns) > 1 else (columns[0], bound[0])
        statement = statement.where(left < right if falls else left > right)
    ways = [column.desc() if falls else column.asc() for column in columns]
    # Of two columns the second is an id, of which only the first row's and the last's are ever read.
    # It has a name of its own: SQLAlchemy would take it for the id of an object that is selected whole.
    return (
        statement.add_columns(columns[0], *(plain.as_text(each).label("tie") for each in columns[1:]))
        .order_by(*ways)
        .limit(fixed(limit))
    )
