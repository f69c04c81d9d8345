"""What is measured of the containers that a rollout has moved, for its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from app.protocol.latencies import UNMEASURED
from app.protocol.rollout_judgement import Evidence
from app.protocol.verification import UNNOTICED_MS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import Rollout

# `measured` is what the verification of a protocol migration found (protocol.verification.Measured): of
# callers' requests where there were any both times, else of health pings. Silent is who gave no sign of life,
# neither then nor to its connection since.
_WAVE: Final = text("""
    WITH moved AS (
        SELECT p.container_id, m.completed_at,
            CAST(m.measured #>> '{after,pings}' AS bigint) + CAST(m.measured #>> '{after,requests}' AS bigint)
                AS seen,
            CAST(m.measured #>> ARRAY['before', k.what] AS float8) AS before,
            CAST(m.measured #>> ARRAY['after', k.what] AS float8) AS after
        FROM rollout_container p JOIN protocol_migration m ON m.id = p.migration_id
        CROSS JOIN LATERAL (SELECT CASE WHEN m.measured #>> '{before,request_ms}' IS NOT NULL
            AND m.measured #>> '{after,request_ms}' IS NOT NULL THEN 'request_ms' ELSE 'ping_ms' END AS what)
            k
        WHERE p.rollout_id = :rollout AND p.wave = :wave AND p.state = 'completed'
    )
    SELECT count(*) FILTER (WHERE coalesce(seen, 0) = 0 AND NOT EXISTS (
            SELECT FROM acp_connection k
            WHERE k.container_id = moved.container_id AND k.last_active > moved.completed_at)) AS silent,
        percentile_cont(0.5) WITHIN GROUP (
            ORDER BY CASE WHEN after <= :unnoticed THEN least(after / before, 1) ELSE after / before END)
            FILTER (WHERE before > 0 AND after IS NOT NULL) AS ratio,
        count(*) FILTER (WHERE before > 0 AND after IS NOT NULL) AS sample
    FROM moved
""")
# What was answered has a processing time; what was not, but failed, is a request that failed, too.
_REQUESTS: Final = text("""
    SELECT coalesce(sum(CASE WHEN r.bin = :unmeasured THEN r.errors ELSE r.messages END), 0) AS requests,
        coalesce(sum(r.errors), 0) AS errors
    FROM rollout_container p
    JOIN acp_connection k ON k.container_id = p.container_id AND k.created_at >= p.began_at
    JOIN message_rollup r ON r.connection_id = k.id AND r.step = 1
        AND r.at >= clock_timestamp() - interval '1 hour'
    WHERE p.rollout_id = :rollout AND p.state = 'completed'
      AND coalesce(k.metadata ->> 'transport', 'acp') = :to_protocol
""")


class Requests(NamedTuple):
    """Requests of the last hour over the new protocol, at containers that were moved, and how many failed."""

    requests: int
    errors: int


def of(session: Session, rollout: Rollout, wave: int | None) -> Evidence:
    """Return what is known; of the present wave if there is one to be judged. Requests are as stored last."""
    told: dict[str, Any] = {"requests": rollout.requests, "errors": rollout.request_errors}
    if wave is not None:
        values = {"rollout": rollout.id, "wave": wave, "unnoticed": UNNOTICED_MS}
        row = session.execute(_WAVE, values).one()
        told |= {"silent": row.silent, "latency_ratio": row.ratio, "latency_sample": row.sample}
    return Evidence(**told)


def requests(session: Session, rollout: Rollout) -> Requests:
    """Count the last hour's requests by the rollups, which are some seconds behind."""
    values = {"rollout": rollout.id, "to_protocol": rollout.to_protocol, "unmeasured": UNMEASURED}
    return Requests(*map(int, session.execute(_REQUESTS, values).one()))
