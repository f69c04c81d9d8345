"""Messages that a filter finds, over the fleet or on the connections that it names, the newest first.

The newest records are looked at one by one: there most filters find a page. Further on, what a filter names
literally (a text, a method, a session, an error) is looked up in the search index, and looked for record by
record only where that has not come to yet. However rare a match is, a page looks at no more than
`WINDOW` records of the fleet, or of each connection, and goes on for no longer than `SECONDS`: it then says
how far it has looked, and the next goes on from there. So no search's time grows with the table.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.models import AcpMessage
from app.models.base import first_id_at, moment_of
from app.queries import message_grams, message_index, message_keys
from app.queries.message_conditions import conditions
from app.queries.message_filter import SINCE, UNTIL
from app.queries.message_reach import floor, latest, whereabouts
from app.queries.moments import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from app.queries.message_filter import Term
    from app.queries.message_keys import Key
    from app.queries.message_reach import Within

Record = TypeVar("Record")

WINDOW: Final = 100_000
"""Records that a page looks at, or some more by the index; for short texts that takes 0.2 s."""
FIRST_RECORDS: Final = 1000
"""Records that are looked at first, which is less work than to ask how far the index has come."""
SECONDS: Final = 0.25
"""How long a page goes on to look: long texts, and a slow disk, take that."""
MOST_TRIED: Final = 6
"""Terms of a filter that finds nothing, up to which each is tried without."""
BEGINNING: Final = uuid.UUID(int=0)


class _Scope(NamedTuple):
    """What a page looks for and where: connections, and ids from `since` to below `ceiling`.

    It looks at no more than `most` records, or some more by the index, and no further after `until`, a moment
    of the monotonic clock. Where it looks at one after the other, it looks at those alone for which `only`
    holds, as an index of their own finds them.
    """

    terms: Sequence[Term]
    within: Within
    since: uuid.UUID | None
    ceiling: uuid.UUID | None
    most: int
    until: float
    only: Sequence[ColumnElement[bool]] = ()


class Found(NamedTuple, Generic[Record]):
    """A page of records, and the cursor from which older ones are looked for; None at the beginning.

    `looked_to` is the time of the oldest record looked at, where the page has looked far or long enough.
    """

    records: Sequence[Record]
    older: uuid.UUID | None
    looked_to: dt.datetime | None


def page(
    session: Session, terms: Sequence[Term], *, before: uuid.UUID | None = None, limit: int = 50
) -> Found[AcpMessage]:
    """Return the latest matches, or the latest before a cursor."""
    within, until = whereabouts(session, terms), time.monotonic() + SECONDS
    only = _only(terms) if within is None else ()
    scope = _Scope(terms, within, _since(terms), _ceiling(terms, before), WINDOW, until, only)
    codes = message_grams.needed(session, terms)
    if not codes:
        return _look_through(session, scope, scope.since, limit)
    few = min(FIRST_RECORDS, WINDOW)
    newest = _look_through(session, scope._replace(most=few), scope.since, limit)
    if len(newest.records) == limit:
        return newest._replace(looked_to=None)  # it is full
    if newest.older is None or few == WINDOW or time.monotonic() >= until:
        return newest
    below, missing = scope._replace(ceiling=newest.older, most=WINDOW - few), limit - len(newest.records)
    return _after(newest, _by_index(session, below, codes, missing), limit)


def _by_index(session: Session, scope: _Scope, codes: AbstractSet[int], limit: int) -> Found[AcpMessage]:
    """Look the matches up, but those among records that are in no block yet: these are looked through."""
    frontier = message_index.frontier(session, scope.within)
    if frontier is None:
        return _look_through(session, scope, scope.since, limit)
    least, found = max(frontier, scope.since or frontier), Found[AcpMessage]([], None, None)
    if scope.ceiling is None or scope.ceiling > least:
        found = _look_through(session, scope, least, limit)
    if found.older is not None or least != frontier:
        return found
    return _after(
        found, _look_up(session, scope, codes, min(frontier, scope.ceiling or frontier), limit), limit
    )


def _after(first: Found[AcpMessage], then: Found[AcpMessage], limit: int) -> Found[AcpMessage]:
    """Put what was found further on behind what was found first; what is over goes on a next page."""
    records = [*first.records, *then.records]
    if len(records) > limit:
        return Found(records[:limit], records[limit - 1].id, None)
    return then._replace(records=records)


def shown(
    session: Session, terms: Sequence[Term], *, before: uuid.UUID | None = None, limit: int = 50
) -> Found[AcpMessage] | Found[Key]:
    """Return what `page` does, but where every record matches, only which ones it would be."""
    if terms:
        return page(session, terms, before=before, limit=limit)
    found = message_keys.of_fleet(session, before=before, limit=limit + 1)
    return Found(found[:limit], found[limit - 1].id if len(found) > limit else None, None)


def _look_through(session: Session, scope: _Scope, least: uuid.UUID | None, limit: int) -> Found[AcpMessage]:
    """Look at one record after the other, down to a least id, but at no more than `most`, and not for long.

    First at a few, then at as many as the time is likely to do for.
    """
    began, looked, records = time.monotonic(), 0, list[AcpMessage]()
    below, step = scope.ceiling, min(FIRST_RECORDS, scope.most)
    while True:
        # Without a term every record matches, and none has to be looked for.
        bounds = (scope.within, below, least)
        end = floor(session, *bounds, only=scope.only, offset=step) if scope.terms else None
        records += _matches(session, scope, below, end.id if end else least, limit + 1 - len(records))
        if len(records) > limit:
            return Found(records[:limit], records[limit - 1].id, None)
        if end is None:
            return Found(records, None, None)
        below, looked, now = end.id, looked + step, time.monotonic()
        step = min(scope.most - looked, int(looked * (scope.until - now) / (now - began)))
        if step <= 0:
            return Found(records, below, end.timestamp)


def _matches(
    session: Session, scope: _Scope, below: uuid.UUID | None, least: uuid.UUID | None, limit: int
) -> Sequence[AcpMessage]:
    """Return the latest matches between two ids."""
    bounds = [] if below is None else [AcpMessage.id < below]
    bounds += [] if least is None else [AcpMessage.id >= least]
    matching = select(AcpMessage).where(*conditions(scope.terms), *bounds)
    return session.scalars(latest(matching, scope.within, limit)).all()


def _look_up(
    session: Session, scope: _Scope, codes: AbstractSet[int], before: uuid.UUID, limit: int
) -> Found[AcpMessage]:
    """Look at the records of blocks that the index names, but at no more than `most`, and not for long.

    Blocks may overlap in time. A match is final once no other block can have a newer record, and a page does
    not end before the next one would begin further on.
    """
    records: Sequence[AcpMessage] = []
    looked, rest = 0, None
    since = scope.since or BEGINNING
    among = _among(select(AcpMessage).where(*conditions(scope.terms), AcpMessage.id < before), limit + 1)
    for blocks, rest in message_index.stretches(session, codes, scope.within, since, before):
        looked += len(blocks) * message_index.BLOCK_RECORDS
        found = [*records, *session.scalars(among, {"blocks": blocks})] if blocks else records
        records = sorted(found, key=attrgetter("id"), reverse=True)[: limit + 1]
        final = [each for each in records if rest is None or each.id > rest]
        if len(final) > limit:
            return Found(final[:limit], final[limit - 1].id, None)
        enough = looked >= scope.most or time.monotonic() >= scope.until
        if enough and rest is not None and rest.int + 1 < before.int:
            break
    if rest is None:
        return Found(records, None, None)
    # The next page begins with that record itself.
    looked_to = dt.datetime.fromtimestamp(moment_of(rest), dt.UTC)
    return Found([each for each in records if each.id > rest], uuid.UUID(int=rest.int + 1), looked_to)


def later(session: Session, terms: Sequence[Term], begin: uuid.UUID, *, limit: int) -> Sequence[AcpMessage]:
    """Return the first matches from an id on, the newest first, of the next `WINDOW` records of the fleet."""
    matching = select(AcpMessage).where(*conditions(terms), AcpMessage.id >= begin)
    next_ones = select(AcpMessage.id).where(AcpMessage.id >= begin).order_by(AcpMessage.id)
    if end := session.scalar(next_ones.offset(WINDOW).limit(1)):
        matching = matching.where(AcpMessage.id < end)
    within = whereabouts(session, terms)
    if within is not None:
        matching = matching.where(AcpMessage.connection_id.in_(within))
    return session.scalars(matching.order_by(AcpMessage.id).limit(limit)).all()[::-1]


def excluding(session: Session, terms: Sequence[Term]) -> Sequence[Term]:
    """Return the terms without each of which the filter would find something on its first page."""
    if len(terms) > MOST_TRIED:
        return []
    others = [(term, [other for other in terms if other != term]) for term in terms]
    return [term for term, left in others if page(session, left, limit=1).records]


def _among(matching: Select[AcpMessage], limit: int) -> Select[AcpMessage]:
    """Take the latest of the matches in some `blocks`."""
    record = aliased(AcpMessage, message_index.records_of(matching))
    return select(record).order_by(record.id.desc()).limit(limit)


def _only(terms: Sequence[Term]) -> Sequence[ColumnElement[bool]]:
    """Return what a filter names that an index of the fleet's serves: errors."""
    wanted = any(_names(each, {"status"}) and each.value == "error" for each in terms)
    return [AcpMessage.error.expression] if wanted else []


def _since(terms: Sequence[Term]) -> uuid.UUID | None:
    """Return the least id that can match, where the filter names a time."""
    return max((first_id_at(moment(term.value)) for term in terms if _names(term, SINCE)), default=None)


def _ceiling(terms: Sequence[Term], before: uuid.UUID | None) -> uuid.UUID | None:
    """Return where a page begins to look: at its cursor, or at the time that the filter names."""
    until = [first_id_at(moment(term.value)) for term in terms if _names(term, UNTIL)]
    return min([*until, *([before] if before else [])], default=None)


def _names(term: Term, fields: Collection[str]) -> bool:
    return term.field in fields and not term.negated
