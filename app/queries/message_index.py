"""The search index's side of a search: blocks of records in which a filter's texts may stand.

Blocks are kept in slices of 8192, half a million records: a slice is asked at once, by the index, whatever
the table has grown to. A block says where something may be; whether it is, its records say themselves.
"""

from __future__ import annotations

from collections import deque
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select, text, true

from app.models import AcpMessage, MessageSearchBlock, MessageSearchSlice
from app.queries.message_grams import slice_code

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import FromClause, Row, Select
    from sqlalchemy.orm import Session

    from app.queries.message_reach import Within

BEHIND: Final = """
    SELECT k.id AS connection_id, coalesce(c.last_id, '00000000-0000-0000-0000-000000000000') AS last_id,
        coalesce(s.last_seq, 0) AS end_seq
    FROM acp_connection k
    LEFT JOIN acp_connection_sequence s ON s.connection_id = k.id
    LEFT JOIN message_search_cursor c ON c.connection_id = k.id
    WHERE c.last_seq IS NULL OR s.last_seq > c.last_seq
"""
"""Connections with records that are in no block: their last record in one, and the number of their last."""
_FIRST: Final = """
    SELECT first.id FROM ({behind}) AS behind, LATERAL (
        SELECT id FROM acp_message WHERE connection_id = behind.connection_id AND id > behind.last_id
        ORDER BY id LIMIT 1
    ) AS first ORDER BY first.id LIMIT 1
"""
_FIRST_OF_ALL: Final = text(_FIRST.format(behind=BEHIND))
_FIRST_WITHIN: Final = text(_FIRST.format(behind=f"{BEHIND} AND k.id = ANY(:within)"))

BLOCK_RECORDS: Final = 64
FIRST_BLOCKS: Final = 16
GROWTH: Final = 4
"""Blocks that are looked into at first, and how many times as many at each further step."""
MOST_AT_ONCE: Final = 64
"""So few that a step does not take long, be its texts long or the disk slow."""
MOST_BLOCKS: Final = 2048
"""Blocks of a slice that are taken from it; a page looks into fewer (message_search.WINDOW)."""
_BLOCKS: Final = bindparam("blocks", type_=ARRAY(BigInteger))
_BY_INDEX: Final = text("SET LOCAL enable_seqscan = off")
_AS_USUAL: Final = text("SET LOCAL enable_seqscan TO DEFAULT")


class Stretch(NamedTuple):
    """Blocks to look into, and the greatest id that what comes after them can have; None after the last."""

    blocks: Sequence[int]
    rest: uuid.UUID | None


def first_behind(session: Session, within: Within = None) -> uuid.UUID | None:
    """Return the oldest record that is in no block, of all or of some connections; None if all are."""
    asked = _FIRST_OF_ALL if within is None else _FIRST_WITHIN.bindparams(within=list(within))
    first: uuid.UUID | None = session.scalar(asked)
    return first


def frontier(session: Session, within: Within) -> uuid.UUID | None:
    """Return an id such that every older record is in a block; None while there is no block."""
    newest = session.scalar(
        select(MessageSearchSlice.last_id).order_by(MessageSearchSlice.last_id.desc()).limit(1)
    )
    first = first_behind(session, within)
    return min(newest, first) if newest and first else newest


def stretches(
    session: Session, codes: AbstractSet[int], within: Within, since: uuid.UUID, before: uuid.UUID
) -> Iterator[Stretch]:
    """Yield blocks that have all codes, from before `before` down to `since`; a stretch at least a slice."""
    columns = (MessageSearchSlice.number, MessageSearchSlice.last_id)
    reaching = (MessageSearchSlice.first_id < before, MessageSearchSlice.last_id >= since)
    found = select(*columns).where(*reaching).order_by(MessageSearchSlice.last_id.desc())
    slices = session.execute(found).all()
    step = FIRST_BLOCKS
    for (number, _), following in zip_longest(slices, slices[1:]):
        after = following.last_id if following else None
        of_slice = _blocks(session, {*codes, slice_code(number)}, within, since, before)
        left = deque(of_slice)
        while left:
            taken = [left.popleft() for _ in range(min(step, len(left)))]
            step = min(step * GROWTH, MOST_AT_ONCE)
            rest = [each for each in (after, left[0].last_id if left else None) if each]
            yield Stretch([block.number for block in taken], max(rest, default=None))
        if not of_slice:
            yield Stretch([], after)


def records_of(matching: Select[AcpMessage]) -> FromClause:
    """Select those of a statement's records that are in some `blocks`, a parameter.

    The fences (OFFSET 0) have the planner take each block by its number and its records by their ids, all of
    a block at once: it has no idea how few they are, and would read the table of blocks from end to end.
    """
    number = select(func.unnest(_BLOCKS).label("number")).subquery()
    of_number = select(MessageSearchBlock.ids).where(MessageSearchBlock.number == number.c.number)
    block = of_number.offset(0).correlate(number).lateral()
    in_it = matching.where(AcpMessage.id == any_(block.c.ids))
    record = in_it.offset(0).correlate(block).lateral()
    return select(record).select_from(number).join(block, true()).join(record, true()).subquery()


def _blocks(
    session: Session, codes: AbstractSet[int], within: Within, since: uuid.UUID, before: uuid.UUID
) -> Sequence[Row[int, uuid.UUID]]:
    """Return the blocks that have all codes, and records of the connections, the newest first.

    The planner does not know what it costs to read arrays of thousands: it would rather scan the table.
    """
    block = MessageSearchBlock
    conditions = [block.grams.contains(sorted(codes)), block.first_id < before, block.last_id >= since]
    if within is not None:
        conditions.append(block.connections.overlap(list(within)))
    newest_first = select(block.number, block.last_id).where(*conditions).order_by(block.last_id.desc())
    session.execute(_BY_INDEX)
    found = session.execute(newest_first.limit(MOST_BLOCKS)).all()
    session.execute(_AS_USUAL)
    return found
