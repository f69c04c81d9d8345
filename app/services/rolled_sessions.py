"""The ACP sessions of containers, kept with the rollups: each record is added once to the session it names.

Records are added to both in one statement where both are equally far. The sessions stay behind where there
are no rollups (`enable_metrics` is off), and where there were rollups before there were sessions, or an older
version of this program keeps them: then `catch_up` adds what is missing, up to where the rollups are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.models.acp_session import LONGEST_SESSION_ID, OTHER_SESSIONS
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.services.rolled_records import NEXT, ONE_INDEX, SEARCHED, STEP_CONNECTIONS, Pending, values, within

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MOST_SESSIONS: Final = 100_000
"""Sessions that a connection can begin a row of. The agent chooses their ids."""
STEP: Final = "30 seconds"
"""In which `active_at` follows `last_at`."""

# Of each connection one row a session, for a new one counts as begun by the connection; then one a
# container's session. A session is looked up in the order of its key, which leaves nothing but the key's
# index: most containers have few sessions, so that PostgreSQL would look through all of one with very many.
ADDED: Final = """
    met AS (
        SELECT connection_id, container_id, sessions,
            CASE WHEN length(acp_session_id) <= :longest THEN acp_session_id ELSE :others END AS session_id,
            min(timestamp) AS first_at, max(timestamp) AS last_at, min(seq) AS seq,
            count(*) FILTER (WHERE method = :prompt AND rpc_kind = :request) AS prompts,
            count(*) AS messages
        FROM taken WHERE acp_session_id IS NOT NULL AND sessions IS NOT NULL
        GROUP BY 1, 2, 3, 4
    ), known AS (
        SELECT met.*, k.is_known IS TRUE AS is_known
        FROM met LEFT JOIN LATERAL (
            SELECT true AS is_known FROM acp_session s
            WHERE (s.container_id, s.session_id) >= (met.container_id, met.session_id)
                AND (s.container_id, s.session_id) <= (met.container_id, met.session_id)
            ORDER BY s.container_id, s.session_id LIMIT 1
        ) k ON true
    ), named AS (
        SELECT known.*, is_known OR sessions + count(*) FILTER (WHERE NOT is_known)
            OVER (PARTITION BY connection_id ORDER BY seq) <= :most_sessions AS is_named
        FROM known
    ), begun AS (
        SELECT connection_id, CAST(count(*) AS integer) AS sessions
        FROM named WHERE is_named AND NOT is_known GROUP BY connection_id
    ), of_sessions AS (
        INSERT INTO acp_session AS s
            (container_id, session_id, first_at, last_at, active_at, prompts, messages)
        SELECT container_id, CASE WHEN is_named THEN session_id ELSE :others END,
            min(first_at), max(last_at), max(last_at), sum(prompts), sum(messages)
        FROM named GROUP BY 1, 2
        ON CONFLICT (container_id, session_id) DO UPDATE SET
            first_at = least(s.first_at, excluded.first_at),
            last_at = greatest(s.last_at, excluded.last_at),
            active_at = CASE WHEN excluded.last_at > s.active_at + CAST(:step AS interval)
                THEN excluded.last_at ELSE s.active_at END,
            prompts = s.prompts + excluded.prompts, messages = s.messages + excluded.messages
    )
"""
"""Adds `taken` to the sessions: of the connections whose `sessions` say how many each has begun."""
_ASKED: Final = """
    asked AS (
        SELECT p.connection_id, k.container_id, p.sessions_seq AS from_seq, p.sessions_floor_id AS from_id,
            p.sessions, a.rows
        FROM unnest(CAST(:connections AS uuid[]), CAST(:rows AS bigint[])) AS a (connection_id, rows)
        JOIN rollup_progress p USING (connection_id)
        JOIN acp_connection k ON k.id = p.connection_id
    )
"""
_MOVE_ON: Final = """
    UPDATE rollup_progress p SET
        sessions_seq = reached.seq, sessions_floor_id = coalesce(reached.id, p.sessions_floor_id),
        sessions = p.sessions + coalesce(begun.sessions, 0)
    FROM reached LEFT JOIN begun USING (connection_id) WHERE reached.connection_id = p.connection_id
    RETURNING p.connection_id
"""
_ADD_NEXT: Final = text(f"WITH {_ASKED}, {NEXT}, {ADDED} {_MOVE_ON}")
_ADD_SEARCHED: Final = text(f"WITH {_ASKED}, {SEARCHED}, {ADDED} {_MOVE_ON}")
# As rollups._DUE finds and locks them. Mostly there are none, which the narrow table alone tells.
_BEHIND: Final = text("""
    WITH behind AS MATERIALIZED (
        SELECT connection_id, rolled_seq - sessions_seq AS rows FROM rollup_progress
        WHERE sessions_seq < rolled_seq ORDER BY 2, 1 LIMIT :most
    )
    SELECT behind.connection_id, behind.rows
    FROM behind
    JOIN acp_connection k ON k.id = behind.connection_id
    JOIN container c ON c.id = k.container_id
    ORDER BY behind.rows, behind.connection_id
    FOR KEY SHARE OF k, c SKIP LOCKED
""")


def catch_up(session: Session, most: int) -> int:
    """Add up to `most` of the records that are in the rollups, or were passed over, but in no session.

    Returns how many of them there were to add. The caller has the rollups' turn.
    """
    if most <= 0:
        return 0
    behind = session.execute(_BEHIND, {"most": STEP_CONNECTIONS})
    pending = within([Pending._make(row) for row in behind], most)
    if not pending:
        return 0
    session.execute(ONE_INDEX)
    added = {row.connection_id for row in session.execute(_ADD_NEXT, values(pending) | constants())}
    if missed := [each for each in pending if each.connection_id not in added]:
        session.execute(_ADD_SEARCHED, values(missed) | constants())
    return sum(each.rows for each in pending)


def constants() -> dict[str, Any]:
    """Return what `ADDED` takes beside `taken` and `asked`."""
    return {
        "longest": LONGEST_SESSION_ID,
        "others": OTHER_SESSIONS,
        "prompt": PROMPT,
        "request": RpcKind.REQUEST,
        "most_sessions": MOST_SESSIONS,
        "step": STEP,
    }
