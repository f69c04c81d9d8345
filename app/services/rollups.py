"""Rollups: each record is added once to the minute, the hour and the day that it belongs to, and its session.

Which records are next is told by their numbers (`rolled_records`). What they are added to and the progress
are one transaction, so that a crash adds nothing twice and leaves nothing out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.models.rollup import OTHER_METHODS, STEPS
from app.protocol.latencies import BOUNDS, UNMEASURED
from app.services import rolled_sessions
from app.services.rolled_records import NEXT, ONE_INDEX, SEARCHED, STEP_CONNECTIONS, Pending, values, within
from app.services.rolled_sessions import ADDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

STEP_ROWS: Final = 20_000
"""Records of one step: some tenths of a second of the database's time."""
MOST_METHODS: Final = 100
"""Methods of a connection that are counted by name. The agent chooses them, and each is a row a minute."""
MINUTES_KEPT: Final = {"message_rollup": "2 days", "fleet_rollup": "8 days"}
"""An incident of yesterday can still be looked at by the minute. An idle connection fills 2 rows in each; the
fleet's are few, and a threshold is tried on those of a week."""
HOURS_KEPT: Final = "90 days"
SWEPT_ROWS: Final = 20_000

# One worker of the whole fleet at a time; what a crash leaves locked, PostgreSQL lets go.
_TAKE_TURN: Final = text("SELECT pg_try_advisory_xact_lock(hashtext('console rollups'))")
# Those with the least to add first, so that a long history that is new to us delays none. The connections and
# their containers cannot be removed while they are added; those that are being removed are left alone. Mostly
# there are few, which the two narrow tables tell.
_DUE: Final = text("""
    WITH due AS MATERIALIZED (
        SELECT s.connection_id, s.last_seq - coalesce(p.rolled_seq, 0) AS rows
        FROM acp_connection_sequence s LEFT JOIN rollup_progress p USING (connection_id)
        WHERE s.last_seq > coalesce(p.rolled_seq, 0) ORDER BY 2, 1 LIMIT :most
    )
    SELECT due.connection_id, due.rows, n.enable_metrics
    FROM due
    JOIN acp_connection k ON k.id = due.connection_id
    JOIN container c ON c.id = k.container_id
    JOIN acp_connection_configuration n ON n.container_id = c.id
    ORDER BY due.rows, due.connection_id
    FOR KEY SHARE OF k, c SKIP LOCKED
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
_ASKED: Final = """
    asked AS (
        SELECT p.connection_id, k.container_id, p.rolled_seq AS from_seq, p.floor_id AS from_id, p.methods,
            CASE WHEN p.sessions_seq = p.rolled_seq THEN p.sessions END AS sessions, a.rows
        FROM unnest(CAST(:connections AS uuid[]), CAST(:rows AS bigint[])) AS a (connection_id, rows)
        JOIN rollup_progress p USING (connection_id)
        JOIN acp_connection k ON k.id = p.connection_id
    )
"""
_ADD: Final = """
    fresh AS (
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
        rolled_seq = reached.seq, floor_id = coalesce(reached.id, p.floor_id),
        methods = p.methods || ARRAY(SELECT f.method FROM fresh f
            WHERE f.connection_id = p.connection_id AND f.named ORDER BY f.method),
        sessions_seq = CASE WHEN p.sessions_seq = p.rolled_seq THEN reached.seq ELSE p.sessions_seq END,
        sessions_floor_id = CASE WHEN p.sessions_seq = p.rolled_seq THEN coalesce(reached.id, p.floor_id)
            ELSE p.sessions_floor_id END,
        sessions = p.sessions + coalesce(begun.sessions, 0)
    FROM reached LEFT JOIN begun USING (connection_id) WHERE reached.connection_id = p.connection_id
    RETURNING p.connection_id
"""
_ADD_NEXT: Final = text(f"WITH {_ASKED}, {NEXT}, {ADDED}, {_ADD}")
_ADD_SEARCHED: Final = text(f"WITH {_ASKED}, {SEARCHED}, {ADDED}, {_ADD}")
_SWEEP: Final = """
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table} WHERE (step = 1 AND at < now() - CAST(:minutes AS interval))
            OR (step = 60 AND at < now() - CAST(:hours AS interval)) LIMIT :most
    ))
"""


def add(session: Session, most: int = STEP_ROWS) -> int:
    """Add up to `most` of the records that are in no rollup or session yet; return how many there were.

    Returns 0 as well while another worker is at it. A container with `enable_metrics` off is passed over in
    the rollups. What is new comes before what the sessions have to catch up with.
    """
    if not session.scalar(_TAKE_TURN):
        return 0
    rolled = _roll(session, most)
    return rolled + rolled_sessions.catch_up(session, most - rolled)


def _roll(session: Session, most: int) -> int:
    due = session.execute(_DUE, {"most": STEP_CONNECTIONS}).all()
    if not due:
        return 0
    session.execute(_BEGIN, {"connections": [each.connection_id for each in due]})
    if unmeasured := [each.connection_id for each in due if not each.enable_metrics]:
        session.execute(_PASS_OVER, {"connections": unmeasured})
    pending = within([Pending(each.connection_id, each.rows) for each in due if each.enable_metrics], most)
    session.execute(ONE_INDEX)
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


def _values(pending: Sequence[Pending]) -> Mapping[str, Any]:
    return {
        **values(pending),
        **rolled_sessions.constants(),
        "bounds": list(BOUNDS),
        "unmeasured": UNMEASURED,
        "steps": list(STEPS),
        "other": OTHER_METHODS,
        "most_methods": MOST_METHODS,
    }
