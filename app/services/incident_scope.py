"""What an incident is about: containers by their ids and a time, taken out of a filter once and for all."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import String, cast, or_, select

from app.errors import Invalid
from app.models import Container
from app.queries.message_conditions import named
from app.queries.message_filter import SINCE, UNTIL, parse, write
from app.queries.moments import moment

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from app.queries.message_filter import Term

MOST_CONTAINERS: Final = 50


class Scope(NamedTuple):
    """Containers (none: the whole fleet), a time in whole seconds, and what is left of the filter."""

    containers: Sequence[Container]
    begins_at: dt.datetime
    ends_at: dt.datetime
    filter: str


def settle(
    session: Session,
    written: str,
    containers: Iterable[str],
    begins_at: dt.datetime,
    ends_at: dt.datetime,
) -> Scope:
    """Resolve names to containers and times such as `since:15m` to moments.

    Raises:
        Invalid: the filter cannot be read, names no container or too many, or there is no time between.
    """
    terms = parse(written)
    names = [term.value for term in terms if _names(term)] + list(containers)
    found = _containers(session, names) if names else ()
    begins, ends = _times(terms, begins_at, ends_at)
    rest = tuple(term for term in terms if not _names(term) and term.field not in SINCE | UNTIL)
    return Scope(found, begins, ends, write(rest))


def _names(term: Term) -> bool:
    return term.field == "container" and not term.negated


def _containers(session: Session, names: Sequence[str]) -> Sequence[Container]:
    """Find containers by names, in which * stands for anything, or ids; each must be found."""
    found: dict[uuid.UUID, Container] = {}
    for name in names:
        some = session.scalars(
            select(Container)
            .where(or_(named(Container.name, name), cast(Container.id, String) == name))
            .order_by(Container.name)
            .limit(MOST_CONTAINERS + 1)
        ).all()
        if not some:
            raise Invalid("containers", f"there is no container {name!r}")
        found |= {each.id: each for each in some}
    if len(found) > MOST_CONTAINERS:
        raise Invalid("containers", f"must not be more than {MOST_CONTAINERS}")
    return list(found.values())


def _times(
    terms: Sequence[Term], begins_at: dt.datetime, ends_at: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    """Narrow the time to what the filter says, too."""
    for term in terms:
        if term.field in SINCE | UNTIL and term.negated:
            raise Invalid("filter", f"cannot have {term} here: write the other one without the minus")
    begins = max([begins_at, *(moment(term.value) for term in terms if term.field in SINCE)])
    ends = min([ends_at, *(moment(term.value) for term in terms if term.field in UNTIL)])
    if ends <= begins:
        raise Invalid("ends_at", "must be after the beginning")
    return begins.replace(microsecond=0), _whole(ends)


def _whole(at: dt.datetime) -> dt.datetime:
    return at if not at.microsecond else at.replace(microsecond=0) + dt.timedelta(seconds=1)
