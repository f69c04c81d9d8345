"""Searches by the index for rare, frequent and absent texts, in a table and in one four times as large.

And what keeping the index costs: records a second that go into it, and COPY with and without that beside it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.models import new_id
from app.queries import message_search
from app.queries.message_filter import parse
from app.services import message_search as index
from bench.common import RUNS, Limit, line, machine
from bench.stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

RECORDS: Final = 2_000_000
CONTAINERS: Final = 200
SENTENCES: Final = 20_000
GROWTH: Final = 4
"""The whole table is as many times as large as the one that is searched first."""
PART: Final = 250_000
SYLLABLES: Final = (
    *("ba", "de", "fi", "go", "lu", "ma", "ne", "po", "ri", "sa", "ta", "ve", "xi", "zo", "an", "el", "in"),
    *("or", "ter", "con", "tion", "ment", "pre", "re", "un", "er", "st"),
)
SEARCHES: Final = {
    "in every second message": "agent_message_chunk",
    "in every 8th": "call_",
    "in every 1000th": "rarethousandth",
    "in one of all": '"xylophone quartz"',
    "an id, once": "call_{once}",
    "in none": "zzyzxabsent",
    "in none, of frequent parts": '"tion ment pre"',
    "on one container, in every 1000th": "container:web-7 rarethousandth",
    "of two letters (not by the index)": "qx",
}
_WRITE: Final = """
    INSERT INTO acp_message (id, connection_id, direction, message_type, payload, timestamp, size, seq,
        method, rpc_kind, acp_session_id, processed)
    SELECT (lpad(to_hex(1760000000000 + n * 5), 12, '0') || '7' || substr(md5(n::text), 1, 3)
            || '8' || substr(md5(n::text), 4, 15))::uuid,
        k.id, 'inbound', 'event', jsonb_build_object('jsonrpc', '2.0', 'method', 'session/update', 'params',
            jsonb_build_object('sessionId', 'ses_' || md5((n / 5000)::text), 'update',
            CASE WHEN n %% 8 = 0 THEN jsonb_build_object('sessionUpdate', 'tool_call_update',
                'toolCallId', 'call_' || md5(n::text), 'status', 'in_progress', 'content',
                jsonb_build_array(jsonb_build_object('type', 'content', 'content',
                jsonb_build_object('type', 'text', 'text', s.text || ' /src/' || n %% 977 || '.py'))))
            ELSE jsonb_build_object('sessionUpdate', 'agent_message_chunk', 'content', jsonb_build_object(
                'type', 'text', 'text', s.text || CASE WHEN n = 77777 THEN ' xylophone quartz'
                WHEN n %% 1000 = 3 THEN ' rarethousandth' ELSE '' END)) END)),
        to_timestamp((1760000000000 + n * 5) / 1000.0), 500, n + 1, 'session/update', 'notification',
        'ses_' || md5((n / 5000)::text), true
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
    JOIN sentence s ON s.number = n * 7919 %% %(sentences)s
    JOIN place k ON k.number = n / 40 * 31 %% %(containers)s
"""


def prepare(database: psycopg.Connection) -> None:
    """Make containers, connections and the sentences that messages are made of."""
    rng = random.Random(7)  # noqa: S311 - the same messages in each run
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(6000)]
    database.execute("CREATE UNLOGGED TABLE sentence (number integer PRIMARY KEY, text text)")
    with database.cursor().copy("COPY sentence FROM STDIN") as copy:
        for number in range(SENTENCES):
            picked = (words[min(int(rng.paretovariate(0.6)) - 1, 5999)] for _ in range(rng.randint(3, 25)))
            copy.write_row((number, " ".join(picked)))
    database.execute(
        "INSERT INTO container (name, endpoint_url) SELECT 'web-' || n, 'http://127.0.0.1:9'"
        " FROM generate_series(0, %s) n",
        [CONTAINERS - 1],
    )
    database.execute(
        "INSERT INTO acp_connection (id, connection_id, container_id, status, version)"
        " SELECT gen_random_uuid(), name, id, 'disconnected', '1.0.0' FROM container"
    )
    database.execute("INSERT INTO acp_connection_sequence SELECT id FROM acp_connection")
    database.execute(
        "CREATE UNLOGGED TABLE place AS SELECT row_number() OVER () - 1 AS number, id FROM acp_connection"
    )


def write(database: psycopg.Connection, first: int, count: int) -> None:
    """Record messages, numbered over all connections: their order is all that the index asks of numbers."""
    for start in range(first, first + count, PART):
        last = min(start + PART, first + count) - 1
        sizes = {"sentences": SENTENCES, "containers": CONTAINERS}
        database.execute(_WRITE, {"first": start, "last": last, **sizes})
        database.execute("UPDATE acp_connection_sequence SET last_seq = %s", [last + 1])
    database.execute("VACUUM ANALYZE acp_message")


def extend(engine: Engine) -> int:
    """Put into the index what it can take at once; return how many records."""
    with Session(engine) as session, session.begin():
        return index.extend(session, all_of_them=True)


def rate_of_index(engine: Engine) -> float:
    """Put everything into the index; return how many records a second went there."""
    began, count = time.perf_counter(), 0
    while taken := extend(engine):
        count += taken
    return count / (time.perf_counter() - began)


def took(engine: Engine, written: str) -> float:
    """Return the median time of a search's first page, in ms."""

    def search() -> float:
        with Session(engine) as session:
            began = time.perf_counter()
            message_search.page(session, parse(written))
            return (time.perf_counter() - began) * 1000

    search()
    return statistics.median(search() for _ in range(RUNS))


def beside(work: Callable[[], object]) -> Callable[[], None]:
    """Do something over and over in a thread; return what ends it."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            began = time.monotonic()
            work()
            stop.wait(time.monotonic() - began)  # half of the time, as the gateway's worker

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end


def copies(database: psycopg.Connection, rows: int = 20_000, batch: int = 500) -> float:
    """Return how many records a second are copied and committed, in batches as the recorder's."""
    columns = "connection_id, direction, message_type, payload, size, method, acp_session_id"
    source = database.execute(f"SELECT {columns} FROM acp_message LIMIT %s", [batch])  # noqa: S608
    rows_of_batch = [(*row[:3], Jsonb(row[3]), *row[4:]) for row in source.fetchall()]
    copy_in = f"COPY acp_message (id, {columns}) FROM STDIN"
    began = time.perf_counter()
    for _ in range(rows // batch):
        with (
            database.transaction(),
            database.cursor().copy(copy_in) as copy,
        ):
            for row in rows_of_batch:
                copy.write_row((new_id(), *row))
    return rows / (time.perf_counter() - began)


def results(url: str, records: int) -> Iterator[str]:
    """Yield a line a result."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with psycopg.connect(url, autocommit=True) as database:
        prepare(database)
        first = records // GROWTH
        write(database, 0, first)
        yield line("into the index", rate_of_index(engine), "records/s")
        searches = {name: text.replace("{once}", _hash(database)) for name, text in SEARCHES.items()}
        small = {name: took(engine, text) for name, text in searches.items()}
        write(database, first, records - first)
        rate_of_index(engine)
        database.execute("VACUUM ANALYZE message_search_block")
        for name, text in searches.items():
            of_small = Limit(f"the same among {first:,}", small[name])
            yield line(f"search: {name}, among {records:,}", took(engine, text), "ms", of_small)
        alone = Limit("COPY alone", statistics.median(copies(database) for _ in range(RUNS)))
        write(database, records, records // GROWTH)
        end = beside(lambda: extend(engine))
        both = statistics.median(copies(database) for _ in range(RUNS))
        end()
        yield line("COPY beside the index's growth", both, "records/s", alone)
        sizes = database.execute(
            "SELECT pg_total_relation_size('acp_message'), pg_total_relation_size('message_search_block')"
        ).fetchone()
    engine.dispose()
    if sizes:
        table = Limit("the messages with their indexes", sizes[0] / 2**20)
        yield line("size of the index and its blocks", sizes[1] / 2**20, "MiB", table)


def _hash(database: psycopg.Connection) -> str:
    found = database.execute("SELECT md5('80008')").fetchone()
    return str(found[0]) if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS, help="how many messages there are in the end")
    records = parser.parse_args().records
    with stage() as prepared:
        for each in results(prepared.database_url, records):
            print(each, flush=True)


if __name__ == "__main__":
    print(machine())
    main()
