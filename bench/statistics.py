"""What the rollups cost a message, against the COPY that stores it, and how long statistics of a day take."""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import text

from app.gateway.backlog import BATCH_ROWS
from app.models import new_id
from app.protocol.latencies import BOUNDS
from app.protocol.states import Protocol
from app.queries import statistics as queries
from app.queries.spans import span
from app.queries.statistics_view import View
from app.services import rollups
from app.services.connections import begin_sequences, open_row
from app.services.containers import ContainerValues
from bench.common import RUNS, Limit, line, machine
from bench.stage import stage

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from bench.stage import Stage

CONTAINERS: Final = 100
COPIED: Final = 40_000
RATE: Final = 2_000
COLUMNS: Final = (
    *("id", "connection_id", "seq", "timestamp", "direction", "message_type", "method", "rpc_kind"),
    *("size", "processing_time", "payload"),
)
TYPES: Final = (
    "uuid",
    "uuid",
    "int8",
    "timestamptz",
    "text",
    "text",
    "text",
    "text",
    "int4",
    "int4",
    "jsonb",
)
KINDS: Final = (
    ("inbound", "event", "session/update", "notification", None),
    ("inbound", "message", "session/update", "notification", None),
    ("outbound", "message", "session/prompt", "request", None),
    ("inbound", "message", "session/prompt", "response", 900),
    ("outbound", "status", "_console/ping", "request", None),
    ("inbound", "status", "_console/ping", "error", 3),
)
PAYLOAD: Final = '{"jsonrpc": "2.0", "method": "session/update", "params": {"text": "%s"}}' % ("word " * 40)
NOW: Final = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)


def connections(prepared: Stage) -> list[uuid.UUID]:
    """Register containers with a connection each, whose records are numbered."""
    made = []
    for number in range(CONTAINERS):
        values = ContainerValues(name=f"agent-{number}", endpoint_url="http://127.0.0.1:9")
        container_id = prepared.register(values)
        with prepared.session() as session:
            connection = open_row(session, container_id, Protocol.ACP, "1.0.0")
            begin_sequences(session, [connection.id])
            made.append(connection.id)
    return made


def records(ids: list[uuid.UUID], first: int, count: int) -> Iterator[tuple[Any, ...]]:
    """Make rows as the recorder does, round the connections, 2,000 in each second of the last hour."""
    for number in range(first, first + count):
        *words, took = KINDS[number % len(KINDS)]
        at = NOW - dt.timedelta(hours=1) + dt.timedelta(seconds=number / RATE)
        time_taken = None if took is None else took * (1 + number % 7)
        seq = number // len(ids) + 1
        yield new_id(), ids[number % len(ids)], seq, at, *words, 400, time_taken, PAYLOAD


def copied(connection: psycopg.Connection[Any], ids: list[uuid.UUID], first: int) -> float:
    """Store records by COPY BINARY in batches of the recorder's; return the seconds."""
    rows = list(records(ids, first, COPIED))
    began = time.perf_counter()
    for start in range(0, COPIED, BATCH_ROWS):
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(f"COPY acp_message ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(TYPES)
                for row in rows[start : start + BATCH_ROWS]:
                    copy.write_row(row)
            cursor.execute(
                "UPDATE acp_connection_sequence SET last_seq = %s", [(first + start + BATCH_ROWS) // len(ids)]
            )
    return time.perf_counter() - began


def rolled_up(prepared: Stage) -> float:
    """Add everything that is stored to the rollups; return the seconds."""
    began = time.perf_counter()
    while True:
        with prepared.session() as session:
            if not rollups.add(session):
                return time.perf_counter() - began


def cost(prepared: Stage, ids: list[uuid.UUID]) -> None:
    """Print what a message costs in the rollups, beside what storing it costs."""
    stored, added = [], []
    with psycopg.connect(prepared.database_url, autocommit=True) as connection:
        for run in range(RUNS + 1):
            stored.append(copied(connection, ids, run * COPIED))
            added.append(rolled_up(prepared))
    micro = 1_000_000 / COPIED
    bare = Limit("COPY of the same rows", statistics.median(stored[1:]) * micro)
    print(line("rollups, a message", statistics.median(added[1:]) * micro, "µs", bare))


# What so many messages of a day leave behind, with the bins that their processing times would have: it is the
# number of rows that queries read.
_FILL: Final = text("""
    INSERT INTO message_rollup
        (connection_id, step, at, message_type, direction, method, bin, messages, errors, bytes)
    SELECT k.id, s.step, s.at, t.kind, t.direction, t.method, t.bin, c.share, c.share / 50, c.share * 400
    FROM acp_connection k
    CROSS JOIN (
        SELECT 1 AS step, CAST(:now AS timestamptz) - n * interval '1 minute' AS at, 1.0 / 1440 AS part
            FROM generate_series(1, 1440) n
        UNION ALL SELECT 60, date_bin('1 hour', :now, '2000-01-01Z') - n * interval '1 hour', 1.0 / 24
            FROM generate_series(1, 24) n
    ) s
    CROSS JOIN (
        SELECT 'event', 'inbound', 'session/update', 0 UNION ALL
        SELECT 'message', 'outbound', 'session/prompt', 0 UNION ALL
        SELECT 'status', 'inbound', '_console/ping', 4 UNION ALL
        SELECT 'message', 'inbound', 'session/prompt', b FROM generate_series(:bins / 2, :bins / 2 + 2) b
    ) t (kind, direction, method, bin)
    CROSS JOIN LATERAL (
        SELECT greatest(1, CAST(round(:messages * s.part / :connections / 6) AS bigint))
    ) c (share)
    ON CONFLICT DO NOTHING
""")
_FILL_FLEET: Final = text("""
    INSERT INTO fleet_rollup
        (transport, step, at, message_type, direction, method, bin, messages, errors, bytes)
    SELECT 'acp', step, at, message_type, direction, method, bin, sum(messages), sum(errors), sum(bytes)
    FROM message_rollup GROUP BY 1, 2, 3, 4, 5, 6, 7
""")


def fill(session: Session, messages: int) -> tuple[int, int]:
    """Write the rollups of a day; return the connections' rows by the minute, and the messages in them."""
    session.execute(text("TRUNCATE message_rollup, fleet_rollup"))
    values = {"now": NOW, "messages": messages, "connections": CONTAINERS, "bins": len(BOUNDS) // 2}
    session.execute(_FILL, values)
    session.execute(_FILL_FLEET)
    counted = session.execute(text("SELECT count(*), sum(messages) FROM message_rollup WHERE step = 1")).one()
    return int(counted[0]), int(counted[1])


def milliseconds(ask: Callable[[], object]) -> float:
    """Return the median of several runs after one that warms up."""
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


def queried(session: Session) -> None:
    """Print how long the statistics of a day take, by what they are grouped by."""
    day = span(NOW - dt.timedelta(days=1), NOW, NOW)
    hours = span(NOW - dt.timedelta(hours=6), NOW, NOW)
    for name, view, over in (
        ("a day, all by method", View(), day),
        ("a day, all by container", View(by="container", sort="p95"), day),
        ("a day, one container by method", View(container="agent-7"), day),
        ("a day, plots of all", View(), day),
        ("6 hours by the minute, one container by method", View(container="agent-7"), hours),
        ("6 hours by the minute, all by container", View(by="container", sort="p95"), hours),
    ):
        ask = queries.points if "plots" in name else queries.groups
        print(line(name, milliseconds(lambda ask=ask, view=view, over=over: ask(session, view, over)), "ms"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5_000_000, help="of a day, over 100 containers")
    asked = parser.parse_args()
    with stage() as prepared:
        ids = connections(prepared)
        cost(prepared, ids)
        with prepared.session() as session:
            rows, messages = fill(session, asked.messages)
        with psycopg.connect(prepared.database_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        print(f"rollups: {rows:,} rows by the minute for {messages:,} messages of a day")
        with prepared.session() as session:
            queried(session)


if __name__ == "__main__":
    print(machine())
    main()
