"""Rollups: each record is added once to the minute, the hour and the day that it belongs to.

What is to be added is found by `seq`, which has no gaps within a connection and grows in the order of
commits: a record that commits late, under whatever id, has a number above all that were there before it. Ids
only tell where to look, for they have the index; if the next numbers are not found there (the clocks of two
gateways differ), the whole connection is looked through. Rollups and progress are one transaction, so that a
crash adds nothing twice and leaves nothing out.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from app.models.rollup import OTHER_METHODS, STEPS
from app.protocol.latencies import BOUNDS, UNMEASURED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

STEP_ROWS: Final = 20_000
"""Records of one step: some tenths of a second of the database's time."""
STEP_CONNECTIONS: Final = 2_000
MOST_METHODS: Final = 100
"""Methods of a connection that are counted by name. The agent chooses them, and each is a row a minute."""
MINUTES_KEPT: Final = {"message_rollup": "2 days", "fleet_rollup": "8 days"}
"""An incident of yesterday can still be looked at by the minute. An idle connection fills 2 rows in each; the
fleet's are few, and a threshold is tried on those of a week."""
HOURS_KEPT: Final = "90 days"
SWEPT_ROWS: Final = 20_000

# One worker of the whole fleet at a time; what a crash leaves locked, PostgreSQL lets go.
_TAKE_TURN: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('console rollups'))")
# Those with the least to add first, so that a long history that is new to us delays none. The connections
# cannot be removed while they are added; those that are being removed are left alone.
_DUE: Final = text("""
    SELECT s.connection_id, coalesce(p.rolled_seq, 0) AS rolled_seq, s.last_seq, c.enable_metrics,
        s.last_seq - coalesce(p.rolled_seq, 0) AS rows
    FROM acp_connection_sequence s
    JOIN acp_connection k ON k.id = s.connection_id
    JOIN acp_connection_configuration c ON c.container_id = k.container_id
    LEFT JOIN rollup_progress p ON p.connection_id = s.connection_id
    WHERE s.last_seq > coalesce(p.rolled_seq, 0)
    ORDER BY s.last_seq - coalesce(p.rolled_seq, 0), s.connection_id
    LIMIT :most
    FOR KEY SHARE OF k SKIP LOCKED
""")
_BEGIN: Final = text("""
    INSERT INTO rollup_progress (connection_id) SELECT unnest(CAST(:connections AS uuid[]))
    ON CONFLICT DO NOTHING
""")
_PASS_OVER: Final = text("""
    UPDATE rollup_progress p SET rolled_seq = s.last_seq, floor_id = coalesce(
        (SELECT m.id FROM acp_message m WHERE m.connection_id = p.connection_id ORDER BY m.id DESC LIMIT 1),
        p.floor_id)
    FROM acp_connection_sequence s
    WHERE s.connection_id = p.connection_id AND p.connection_id = ANY(CAST(:connections AS uuid[]))
""")
_ONE_INDEX: Final = text(
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)"
)
_ASKED: Final = """
    asked AS (
        SELECT p.connection_id, p.rolled_seq, p.floor_id, p.methods, a.rows
        FROM unnest(CAST(:connections AS uuid[]), CAST(:rows AS bigint[])) AS a (connection_id, rows)
        JOIN rollup_progress p USING (connection_id)
    )
"""
_COLUMNS: Final = """
    m.id, m.seq, m.timestamp, m.message_type, m.direction, m.method, m.size, m.error, m.processing_time
"""
# The next records by id, as far as their numbers go on from the last without a gap. Ids are compared and
# ordered together with the connection: an order by ids alone PostgreSQL may read from the whole fleet's
# records. With `_ONE_INDEX` nothing is left to it but the index on both columns.
_NEXT: Final = f"""
    found AS MATERIALIZED (
        SELECT asked.connection_id, asked.rolled_seq, m.*,
            row_number() OVER (PARTITION BY asked.connection_id ORDER BY m.seq) AS place
        FROM asked CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM acp_message m
            WHERE (m.connection_id, m.id) > (asked.connection_id, asked.floor_id)
                AND (m.connection_id, m.id) <= (asked.connection_id, CAST(:last_id AS uuid))
                AND m.seq > asked.rolled_seq
            ORDER BY m.connection_id, m.id LIMIT asked.rows
        ) m
    ), taken AS MATERIALIZED (
        SELECT * FROM found WHERE seq = rolled_seq + place
    ), reached AS (
        SELECT connection_id, max(seq) AS seq FROM taken GROUP BY connection_id
    )
"""  # noqa: S608 - our own columns
# The next numbers, wherever they are. They are committed; what is not there has been deleted.
_SEARCHED: Final = f"""
    taken AS MATERIALIZED (
        SELECT asked.connection_id, {_COLUMNS} FROM asked JOIN acp_message m USING (connection_id)
        WHERE m.seq > asked.rolled_seq AND m.seq <= asked.rolled_seq + asked.rows
    ), reached AS (
        SELECT connection_id, rolled_seq + rows AS seq FROM asked
    )
"""  # noqa: S608 - our own columns
_ADD: Final = """
    , fresh AS (
        SELECT t.connection_id, t.method,
            row_number() OVER (PARTITION BY t.connection_id ORDER BY min(t.seq))
                + cardinality(asked.methods) <= :most_methods AS named
        FROM taken t JOIN asked USING (connection_id)
        WHERE t.method IS NOT NULL AND t.method <> ALL (asked.methods)
        GROUP BY t.connection_id, t.method, asked.methods
    ), minutes AS (
        SELECT t.connection_id, date_bin('1 minute', t.timestamp, '2000-01-01Z') AS at,
            t.message_type, t.direction,
            CASE WHEN t.method IS NULL THEN '' WHEN f.named IS FALSE THEN :other ELSE t.method END AS method,
            coalesce(width_bucket(t.processing_time, CAST(:bounds AS integer[])), :unmeasured) AS bin,
            count(*) AS messages, count(*) FILTER (WHERE t.error) AS errors, sum(t.size) AS bytes
        FROM taken t LEFT JOIN fresh f USING (connection_id, method)
        GROUP BY 1, 2, 3, 4, 5, 6
    ), rolled AS (
        SELECT r.connection_id, s.step, date_bin(s.step * interval '1 minute', r.at, '2000-01-01Z') AS at,
            r.message_type, r.direction, r.method, r.bin,
            sum(r.messages) AS messages, sum(r.errors) AS errors, sum(r.bytes) AS bytes
        FROM minutes r CROSS JOIN unnest(CAST(:steps AS smallint[])) AS s (step)
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), of_connections AS (
        INSERT INTO message_rollup AS r
            (connection_id, step, at, message_type, direction, method, bin, messages, errors, bytes)
        SELECT * FROM rolled
        ON CONFLICT (connection_id, step, at, message_type, direction, method, bin) DO UPDATE SET
            messages = r.messages + excluded.messages,
            errors = r.errors + excluded.errors, bytes = r.bytes + excluded.bytes
    ), of_the_fleet AS (
        INSERT INTO fleet_rollup AS r
            (transport, step, at, message_type, direction, method, bin, messages, errors, bytes)
        SELECT coalesce(k.metadata ->> 'transport', 'acp'), step, at, message_type, direction, method, bin,
            sum(messages), sum(errors), sum(bytes)
        FROM rolled JOIN acp_connection k ON k.id = rolled.connection_id
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (step, at, message_type, direction, method, bin, transport) DO UPDATE SET
            messages = r.messages + excluded.messages,
            errors = r.errors + excluded.errors, bytes = r.bytes + excluded.bytes
    )
    UPDATE rollup_progress p SET
        rolled_seq = reached.seq,
        floor_id = coalesce((SELECT t.id FROM taken t WHERE t.connection_id = p.connection_id
            ORDER BY t.seq DESC LIMIT 1), p.floor_id),
        methods = p.methods || ARRAY(SELECT f.method FROM fresh f
            WHERE f.connection_id = p.connection_id AND f.named ORDER BY f.method)
    FROM reached WHERE reached.connection_id = p.connection_id
    RETURNING p.connection_id
"""
_ADD_NEXT: Final = text(f"WITH {_ASKED}, {_NEXT} {_ADD}")
_ADD_SEARCHED: Final = text(f"WITH {_ASKED}, {_SEARCHED} {_ADD}")
_SWEEP: Final = """
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table} WHERE (step = 1 AND at < now() - CAST(:minutes AS interval))
            OR (step = 60 AND at < now() - CAST(:hours AS interval)) LIMIT :most
    ))
"""


class Pending(NamedTuple):
    """A connection with records that are in no rollup yet: `rows` of them at most are added in a step."""

    connection_id: uuid.UUID
    rows: int


def add(session: Session, most: int = STEP_ROWS) -> int:
    """Add up to `most` of the records that are in no rollup yet; return how many of them there were to add.

    Returns 0 as well while another worker is at it. A container with `enable_metrics` off is passed over.
    """
    if not session.scalar(_TAKE_TURN):
        return 0
    due = session.execute(_DUE, {"most": STEP_CONNECTIONS}).all()
    if not due:
        return 0
    session.execute(_BEGIN, {"connections": [each.connection_id for each in due]})
    if unmeasured := [each.connection_id for each in due if not each.enable_metrics]:
        session.execute(_PASS_OVER, {"connections": unmeasured})
    pending = _within([Pending(each.connection_id, each.rows) for each in due if each.enable_metrics], most)
    session.execute(_ONE_INDEX)
    added = {row.connection_id for row in session.execute(_ADD_NEXT, _values(pending))}
    if missed := [each for each in pending if each.connection_id not in added]:
        session.execute(_ADD_SEARCHED, _values(missed))
    return sum(each.rows for each in pending)


def sweep(session: Session, most: int = SWEPT_ROWS) -> int:
    """Delete up to `most` rows, of either table, that are older than they are kept; return how many."""
    swept = 0
    for table, minutes in MINUTES_KEPT.items():
        values = {"minutes": minutes, "hours": HOURS_KEPT, "most": most}
        found: Any = session.execute(text(_SWEEP.format(table=table)), values)
        swept += found.rowcount
    return swept


def _within(pending: Sequence[Pending], most: int) -> Sequence[Pending]:
    """Cut what is pending so that it has `most` rows in all."""
    taken, room = [], most
    for each in pending:
        if room <= 0:
            break
        taken.append(each._replace(rows=min(each.rows, room)))
        room -= each.rows
    return taken


def _values(pending: Sequence[Pending]) -> dict[str, Any]:
    return {
        "connections": [each.connection_id for each in pending],
        "rows": [each.rows for each in pending],
        "last_id": uuid.UUID(int=2**128 - 1),
        "bounds": list(BOUNDS),
        "unmeasured": UNMEASURED,
        "steps": list(STEPS),
        "other": OTHER_METHODS,
        "most_methods": MOST_METHODS,
    }
