"""Which records of some connections are next: those after the last that was added, by their numbers.

What is to be added is found by `seq`, which has no gaps within a connection and grows in the order of
commits: a record that commits late, under whatever id, has a number above all that were there before it. Ids
only tell where to look, for they have the index; if the next numbers are not found there (the clocks of two
gateways differ), the whole connection is looked through.

A statement begins with `asked`: connections, the number and id of the last record that was added of each
(`from_seq`, `from_id`), how many `rows` to add, its container, and what `rolled_sessions.ADDED` asks. `NEXT`
and `SEARCHED` both define `taken`, these records, and `reached`, up to which number they go and the id of the
last.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP_CONNECTIONS: Final = 2_000

# Without sorts nothing is left to `NEXT` but the index on both columns.
ONE_INDEX: Final = text(
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)"
)
_COLUMNS: Final = """
    m.id, m.seq, m.timestamp, m.message_type, m.direction, m.method, m.size, m.error, m.processing_time,
    m.rpc_kind, m.acp_session_id
"""
# The next records by id, as far as their numbers go on from the last without a gap. Ids are compared and
# ordered together with the connection: an order by ids alone PostgreSQL may read from the whole fleet's
# records.
NEXT: Final = f"""
    found AS MATERIALIZED (
        SELECT asked.connection_id, asked.container_id, asked.sessions, asked.from_seq, m.*,
            row_number() OVER (PARTITION BY asked.connection_id ORDER BY m.seq) AS place
        FROM asked CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM acp_message m
            WHERE (m.connection_id, m.id) > (asked.connection_id, asked.from_id)
                AND (m.connection_id, m.id) <= (asked.connection_id, CAST(:last_id AS uuid))
                AND m.seq > asked.from_seq
            ORDER BY m.connection_id, m.id LIMIT asked.rows
        ) m
    ), taken AS MATERIALIZED (
        SELECT * FROM found WHERE seq = from_seq + place
    ), reached AS MATERIALIZED (
        SELECT connection_id, max(seq) AS seq, (array_agg(id ORDER BY seq DESC))[1] AS id
        FROM taken GROUP BY connection_id
    )
"""  # noqa: S608 - our own columns
# The next numbers, wherever they are. They are committed; what is not there has been deleted.
SEARCHED: Final = f"""
    taken AS MATERIALIZED (
        SELECT asked.connection_id, asked.container_id, asked.sessions, {_COLUMNS}
        FROM asked JOIN acp_message m USING (connection_id)
        WHERE m.seq > asked.from_seq AND m.seq <= asked.from_seq + asked.rows
    ), reached AS MATERIALIZED (
        SELECT asked.connection_id, asked.from_seq + asked.rows AS seq, last.id
        FROM asked LEFT JOIN (
            SELECT connection_id, (array_agg(id ORDER BY seq DESC))[1] AS id FROM taken GROUP BY connection_id
        ) last USING (connection_id)
    )
"""  # noqa: S608 - our own columns


class Pending(NamedTuple):
    """A connection with records that are to be added: `rows` of them at most in a step."""

    connection_id: uuid.UUID
    rows: int


def within(pending: Sequence[Pending], most: int) -> Sequence[Pending]:
    """Cut what is pending so that it has `most` rows in all."""
    taken, room = [], most
    for each in pending:
        if room <= 0:
            break
        taken.append(each._replace(rows=min(each.rows, room)))
        room -= each.rows
    return taken


def values(pending: Sequence[Pending]) -> dict[str, Any]:
    """Return what `asked` and `NEXT` take."""
    return {
        "connections": [each.connection_id for each in pending],
        "rows": [each.rows for each in pending],
        "last_id": uuid.UUID(int=2**128 - 1),
    }
