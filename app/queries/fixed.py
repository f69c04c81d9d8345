"""Constants written into a statement, not passed beside it, so that PostgreSQL can plan it once for all.

With a constant as a parameter it cannot tell that a partial index serves, or that few rows are wanted, and so
plans anew at each execution: for a list of six tables that takes longer than reading its page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def fixed(value: str | int) -> ColumnElement[Any]:
    """Write a constant of the program's own: a number, or a text."""
    if isinstance(value, int):
        return literal_column(str(value))
    quoted = value.replace("'", "''")
    return literal_column(f"'{quoted}'", Text)
