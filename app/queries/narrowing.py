"""Filters as a URL writes them: texts, read and written in one way by pages, live sockets and commands."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from app.errors import Invalid
from app.models.base import first_id_at
from app.queries.moments import moment
from app.queries.paging import SKEW

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement

LONGEST: Final = 200
"""Characters of a condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """A filter of texts; an empty one narrows nothing. `WORDS` has the fields that take only some."""

    WORDS: ClassVar[Mapping[str, Collection[str]]] = {}

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Self:
        """Read it from parameters; words that are not known narrow nothing."""
        given = {each.name: arguments.get(each.name, "").strip()[:LONGEST] for each in fields(cls)}
        unknown = {name: "" for name, words in cls.WORDS.items() if given[name] not in words}
        return cls(**given | unknown)

    def in_url(self) -> Sequence[tuple[str, str]]:
        """Return it as parameters."""
        given = ((each.name, getattr(self, each.name)) for each in fields(self))
        return [(name, value) for name, value in given if value]


def within(id_: Any, at: Any, since: str, until: str) -> Iterator[ColumnElement[bool]]:
    """Narrow to a time, as written: exactly by a column, and by the ids of about then, which an index finds.

    Raises:
        Invalid: it is no time.
    """
    if since:
        begin = moment_of("since", since)
        yield id_ >= first_id_at(begin - SKEW)
        yield at >= begin
    if until:
        end = moment_of("until", until)
        yield id_ < first_id_at(end + SKEW)
        yield at < end


def identity(text: str) -> uuid.UUID | None:
    """Read an id; what is none narrows nothing."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def moment_of(name: str, written: str) -> dt.datetime:
    """Read a time that a parameter names. Raises Invalid."""
    try:
        return moment(written)
    except (ValueError, OverflowError) as error:
        hint = "a time, such as 2026-11-24T10:00 (UTC unless it says +02:00), or how long ago, such as -15m"
        raise Invalid(name, hint) from error
