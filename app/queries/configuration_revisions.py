"""Revisions of connection configurations: of one container, and the fleet's, the newest first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import ARRAY, Uuid, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import array, distinct_on

from app.errors import NotFound
from app.models import ConfigurationRevision, Container
from app.models.base import first_id_at
from app.queries import paging, plain
from app.queries.fixed import fixed
from app.queries.narrowing import identity

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session


PARAMETERS: Final = ("container", "actor", "field", "since", "until", "bulk")
"""Of a URL: what the list is narrowed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFilter:
    """What the list is narrowed to; what is empty narrows nothing.

    `container` is a name or a part of one, `actor` a part of one, `field` a changed field, `since` and
    `until` are times between which it was saved, `bulk` is a bulk edit.
    """

    container: str = ""
    actor: str = ""
    field: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    bulk: uuid.UUID | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, str | None], fields: Collection[str]) -> RevisionFilter:
        """Read it from parameters of a URL, with the fields that there are; what is none narrows nothing."""
        given = {name: (arguments.get(name) or "").strip() for name in PARAMETERS}
        return cls(
            container=given["container"],
            actor=given["actor"],
            field=given["field"] if given["field"] in fields else "",
            since=_moment(given["since"]),
            until=_moment(given["until"]),
            bulk=identity(given["bulk"]),
        )


class RevisionKey(NamedTuple):
    """Which revision stands in a line, and its container's name: a revision itself never changes.

    The id is text (`plain.as_text`).
    """

    id: str
    container: str


class RevisionRow(NamedTuple):
    """A line of the list: the revision, and the name of its container."""

    revision: ConfigurationRevision
    container: str


def latest(session: Session, container_id: uuid.UUID) -> ConfigurationRevision | None:
    """Return a container's newest revision; None where it was never changed through the console."""
    return session.scalar(
        select(ConfigurationRevision)
        .where(ConfigurationRevision.container_id == container_id)
        .order_by(ConfigurationRevision.number.desc())
        .limit(1)
    )


def find(session: Session, container_id: uuid.UUID, number: int) -> ConfigurationRevision | None:
    """Return a revision by its number, if there is one."""
    return session.scalar(
        select(ConfigurationRevision).where(
            ConfigurationRevision.container_id == container_id, ConfigurationRevision.number == number
        )
    )


def get(session: Session, container_id: uuid.UUID, number: int) -> ConfigurationRevision:
    """Return a revision by its number.

    Raises:
        NotFound: there is none.
    """
    found = find(session, container_id, number) if number in range(1, 2**31) else None
    if found is None:
        raise NotFound(f"there is no revision {number} of this container's configuration")
    return found


def of_container(
    session: Session, container_id: uuid.UUID, limit: int = 5
) -> Sequence[ConfigurationRevision]:
    """Return a container's latest revisions, the newest first."""
    return session.scalars(
        select(ConfigurationRevision)
        .where(ConfigurationRevision.container_id == container_id)
        .order_by(ConfigurationRevision.number.desc())
        .limit(limit)
    ).all()


def latest_of_many(
    session: Session, container_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, ConfigurationRevision]:
    """Return the newest revision of each of some containers."""
    found = session.scalars(
        select(ConfigurationRevision)
        .where(ConfigurationRevision.container_id.in_(container_ids))
        .order_by(ConfigurationRevision.container_id, ConfigurationRevision.number.desc())
        .ext(distinct_on(ConfigurationRevision.container_id))
    )
    return {each.container_id: each for each in found}


def page(session: Session, narrowed: RevisionFilter, *, limit: int) -> Sequence[RevisionRow]:
    """Return the latest revisions of the fleet."""
    statement = _narrow(_ROWS, narrowed).order_by(ConfigurationRevision.id.desc()).limit(limit)
    return [RevisionRow(*row) for row in session.execute(statement)]


def keys(
    session: Session, narrowed: RevisionFilter, *, before: uuid.UUID | None, limit: int
) -> Sequence[RevisionKey]:
    """Return which are the latest revisions of the fleet, or those before a cursor."""
    given = {} if before is None else {"before": before}
    found = plain.read(session, _keys_of(narrowed, bool(given), limit), given)
    return [RevisionKey(*row) for row in found.all()]


def of_keys(session: Session, keys: Sequence[RevisionKey]) -> Mapping[RevisionKey, RevisionRow]:
    """Return the lines of some revisions; one whose container has been removed meanwhile is left out."""
    wanted = _ROWS.where(ConfigurationRevision.id == func.any(cast([key.id for key in keys], ARRAY(Uuid))))
    found = {str(row[0].id): RevisionRow(*row) for row in session.execute(wanted)}
    return {key: found[key.id] for key in keys if key.id in found}


_ROWS: Final = select(ConfigurationRevision, Container.name).join(
    Container, Container.id == ConfigurationRevision.container_id
)
_KEYS: Final = select(plain.as_text(ConfigurationRevision.id).label("key"), Container.name).join(
    Container, Container.id == ConfigurationRevision.container_id
)


@lru_cache(paging.KEPT)
def _keys_of(narrowed: RevisionFilter, from_cursor: bool, limit: int) -> Any:  # noqa: FBT001 - a part of the key
    statement = _narrow(_KEYS, narrowed)
    if from_cursor:
        statement = statement.where(ConfigurationRevision.id < bindparam("before", type_=Uuid()))
    return statement.order_by(ConfigurationRevision.id.desc()).limit(fixed(limit))


def _narrow(statement: Any, narrowed: RevisionFilter) -> Any:
    """Narrow a SELECT of revisions and their containers."""
    revision = ConfigurationRevision
    if narrowed.container:
        statement = statement.where(Container.name.icontains(narrowed.container, autoescape=True))
    if narrowed.actor:
        statement = statement.where(revision.actor.icontains(narrowed.actor, autoescape=True))
    if narrowed.field:
        # Written as its index has it, whose word a parameter would not be.
        statement = statement.where(revision.changed.op("@>")(array([fixed(narrowed.field)])))
    if narrowed.since is not None:
        statement = statement.where(revision.id >= first_id_at(narrowed.since))
    if narrowed.until is not None:
        statement = statement.where(revision.id < first_id_at(narrowed.until))
    if narrowed.bulk is not None:
        statement = statement.where(revision.bulk_id == narrowed.bulk)
    return statement


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
