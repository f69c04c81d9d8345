"""Versions of rows, as PostgreSQL itself counts them: which transaction has written what stands there now.

Any change of a row changes its version. So the ids and versions of the rows that a line of a list is made of
stand for all that it says, and a page that has shown them before reads no more of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from app.models import Base


def version(model: type[Base]) -> ColumnElement[Any]:
    """Return the version of a model's row, NULL where a join has found none. Not for an alias."""
    return literal_column(f"{model.__tablename__}.xmin", Text)
