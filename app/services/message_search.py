"""The search index's growth: records that are committed are put into blocks, the oldest first (ADR 31).

Behind the recorder, in transactions of its own, and by one process at a time. What is not in a block yet is
searched record by record (queries.message_search), so that nothing depends on how far this has come.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, text

from app.models import AcpMessage, MessageSearchBlock, MessageSearchSlice
from app.models.base import moment_of
from app.queries.message_grams import ERROR, TYPES
from app.queries.message_index import BEHIND, BLOCK_RECORDS, first_behind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BLOCK_BYTES: Final = 256 * 1024
"""Of texts in a block; a record that is larger has one to itself."""
SLICE_BLOCKS: Final = 8192
BATCH: Final = 4096
"""Records that are put into blocks in one transaction: about a third of a second."""
REACH: Final = 20_000
"""Records, of all that there are, among which a batch is looked for."""
ENOUGH: Final = 16 * BLOCK_RECORDS
"""Records that are put into blocks at once; fewer wait for `OLD_SECONDS`, so that blocks are full."""
OLD_SECONDS: Final = 30
_LOCK: Final = 0x53656172
"""Any number that nothing else locks: "Sear" in ASCII."""

_RECORDS: Final = """
    records AS MATERIALIZED (
        SELECT record.* FROM pending, LATERAL (
            SELECT id, connection_id, seq, error, message_type, length(payload::text) AS length,
                concat_ws(' ', method, rpc_id, acp_session_id, caller, error_message, payload::text)
                    AS written
            FROM acp_message WHERE connection_id = pending.connection_id
                AND id > pending.last_id AND id <= :until
            ORDER BY id LIMIT :batch
        ) AS record ORDER BY id LIMIT :batch
    )
"""
_BLOCKS: Final = """
    placed AS (
        SELECT *, (row_number() OVER running - 1) / :records AS place,
            coalesce(sum(length) OVER earlier, 0) / :bytes AS weight
        FROM records WINDOW running AS (ORDER BY id),
            earlier AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), gathered AS (
        SELECT array_agg(id ORDER BY id) AS ids, array_agg(DISTINCT connection_id) AS connections,
            message_grams(string_agg(written, ' '))
                || array_agg(DISTINCT (CAST(:types AS jsonb) ->> message_type)::integer)
                || CASE WHEN bool_or(error) THEN ARRAY[CAST(:error AS integer)] ELSE '{}' END AS grams
        FROM placed GROUP BY place, weight ORDER BY min(place), min(weight)
    ), numbered AS MATERIALIZED (
        SELECT nextval('message_search_block_number_seq') AS number, gathered.* FROM gathered
    ), blocks AS (
        INSERT INTO message_search_block (number, first_id, last_id, ids, connections, grams)
        SELECT number, ids[1], ids[cardinality(ids)], ids, connections,
            grams || (-1000 - number / :slice)::integer
        FROM numbered
        RETURNING number / :slice AS slice, first_id, last_id
    ), slices AS (
        INSERT INTO message_search_slice AS held (number, first_id, last_id)
        SELECT slice, (array_agg(first_id ORDER BY first_id))[1],
            (array_agg(last_id ORDER BY last_id DESC))[1]
        FROM blocks GROUP BY slice
        ON CONFLICT (number) DO UPDATE SET first_id = least(held.first_id, excluded.first_id),
            last_id = greatest(held.last_id, excluded.last_id)
    )
"""
_CURSORS: Final = """
    taken AS (
        SELECT connection_id, (array_agg(id ORDER BY id DESC))[1] AS last_id, max(seq) AS last_seq
        FROM records GROUP BY connection_id
    ), reached AS (
        SELECT pending.connection_id, coalesce(taken.last_id, pending.last_id) AS last_id, taken.last_seq,
            pending.end_seq, EXISTS (
                SELECT FROM acp_message more WHERE more.connection_id = pending.connection_id
                AND more.id > coalesce(taken.last_id, pending.last_id)
            ) AS more, taken.last_id IS NOT NULL AS moved
        FROM pending LEFT JOIN taken USING (connection_id)
    ), cursors AS (
        INSERT INTO message_search_cursor (connection_id, last_id, last_seq)
        SELECT connection_id, last_id, CASE WHEN more THEN last_seq ELSE end_seq END
        FROM reached WHERE moved OR NOT more
        ON CONFLICT (connection_id) DO UPDATE SET last_id = excluded.last_id, last_seq = excluded.last_seq
    )
"""
_EXTEND: Final = text(
    f"WITH pending AS MATERIALIZED ({BEHIND}), {_RECORDS}, {_BLOCKS}, {_CURSORS} SELECT count(*) FROM records"  # noqa: S608 - our own words
)


def extend(session: Session, *, all_of_them: bool = False) -> int:
    """Put the oldest records that are in no block into blocks; return how many.

    A few new ones wait for others, unless it shall be `all_of_them`. Returns 0, too, while another process is
    at it.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
        return 0
    first = first_behind(session)
    if first is None:
        return 0
    reach = select(AcpMessage.id).where(AcpMessage.id >= first).order_by(AcpMessage.id).limit(REACH)
    reached = reach.subquery()
    until = session.scalar(select(reached.c.id).order_by(reached.c.id.desc()).limit(1))
    if not all_of_them and time.time() - moment_of(first) < OLD_SECONDS:
        count = session.scalar(select(func.count()).select_from(reached)) or 0
        if count < ENOUGH:
            return 0
    return session.scalar(_EXTEND, _sizes() | {"until": until}) or 0


def _sizes() -> dict[str, Any]:
    return {
        "batch": BATCH,
        "records": BLOCK_RECORDS,
        "bytes": BLOCK_BYTES,
        "slice": SLICE_BLOCKS,
        "types": json.dumps(TYPES),
        "error": ERROR,
    }


def forget(session: Session) -> None:
    """Remove the slices whose records are all older than any that there is: they have been deleted."""
    oldest = session.scalar(select(AcpMessage.id).order_by(AcpMessage.id).limit(1))
    gone = select(MessageSearchSlice).order_by(MessageSearchSlice.number)
    if oldest is not None:
        gone = gone.where(MessageSearchSlice.last_id < oldest)
    for each in session.scalars(gone):
        begins = each.number * SLICE_BLOCKS
        of_it = MessageSearchBlock.number.between(begins, begins + SLICE_BLOCKS - 1)
        session.execute(delete(MessageSearchBlock).where(of_it))
        session.delete(each)
