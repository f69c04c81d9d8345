"""The values of a column, by an index that begins with it: as many steps as there are values, not rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import InstrumentedAttribute, Session


def values(session: Session, column: InstrumentedAttribute[str]) -> Sequence[str]:
    """Return each value of an indexed column once, in order."""
    first = select(column.label("value")).order_by(column).limit(1).subquery()
    found: Any = select(first.c.value).cte("found", recursive=True)
    following = select(column).where(column > found.c.value).order_by(column).limit(1).correlate(found)
    step = select(following.scalar_subquery()).where(found.c.value.is_not(None))
    every = found.union_all(step)
    return session.scalars(select(every.c.value).where(every.c.value.is_not(None))).all()
