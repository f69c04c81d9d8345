"""What every entity shares: the declarative base, UUIDv7 ids and timestamps."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Final

from sqlalchemy import CheckConstraint, DateTime, FetchedValue, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column
from uuid_utils.compat import uuid7

from app.extensions import metadata

new_id = uuid7
"""A UUIDv7, monotonic within a process: ordering by id is ordering by time (RFC 9562, section 5.7)."""


def first_id_at(moment: dt.datetime) -> uuid.UUID:
    """Return the least id that can have been made at a time: UUIDv7 begins with its millisecond."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


def moment_of(id_: uuid.UUID) -> float:
    """Return when an id of ours was made, in seconds since 1970."""
    return (id_.int >> 80) / 1000


# The database's own default serves clients that write SQL (data model: @default(uuid())).
Id = Annotated[
    uuid.UUID,
    mapped_column(
        UUID(as_uuid=True), primary_key=True, default=new_id, server_default=text("gen_random_uuid()")
    ),
]
CreatedAt = Annotated[dt.datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
# A trigger sets it on every update, whoever makes it (data model: @updatedAt).
UpdatedAt = Annotated[
    dt.datetime,
    mapped_column(DateTime(timezone=True), server_default=func.now(), server_onupdate=FetchedValue()),
]


class Base(DeclarativeBase):
    """The base of all entities, over the one `MetaData` that Flask-SQLAlchemy and Alembic know."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012 - the name and the form are SQLAlchemy's
        str: Text(),
        uuid.UUID: UUID(as_uuid=True),
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text()),
    }


# Room on each page for the new version of a row that changes often.
HOT_ROWS: Final = {"postgresql_with": {"fillfactor": 80}}


def one_of(column: str, words: type, name: str) -> CheckConstraint:
    """Return the CHECK that a text column holds one of an enum's words."""
    listed = ", ".join(f"'{word}'" for word in words)  # type: ignore[attr-defined]  # a StrEnum class iterates
    return CheckConstraint(f"{column} IN ({listed})", name=name)
