"""The recorder on a real database: in order, committed before delivered, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from app.gateway import backlog
from app.gateway import recorder as module
from app.gateway.backlog import Limits
from app.gateway.batch import Entry, Lease
from app.gateway.tenure import clock
from app.models import new_id
from app.protocol.message import Delivery
from tests.support.recording import Told, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.recording import Bench
    from tests.support.store import Store


@pytest.fixture
def record(store: Store, database_url: str) -> Callable[[Callable[[Bench], Any]], Bench]:
    """Run a scenario on a bench, until all that it appended is done with."""

    def run(scenario: Callable[[Bench], Any]) -> Bench:
        async def main() -> Bench:
            async with recording(store, database_url) as bench, asyncio.timeout(30):
                await scenario(bench)
                await bench.recorder.flush()
                assert len(bench.recorder.backlog) == 0
                return bench

        return asyncio.run(main())

    return run


def test_what_is_appended_is_stored_and_delivered_in_order(record: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(backlog, "BATCH_ROWS", 7)

    async def scenario(bench: Bench) -> None:
        for number in range(100):
            bench.append()
            if number % 10 == 0:
                await asyncio.sleep(0)  # lets the recorder begin, so that batches of all sizes come

    bench = record(scenario)
    assert bench.stored() == bench.delivered == list(range(1, 101))
    assert len(bench.committed) == 100


def test_nothing_is_delivered_before_it_is_committed(record: Any, store: Store) -> None:
    stored_at_delivery: list[int] = []

    async def scenario(bench: Bench) -> None:
        def deliver() -> None:
            (row,) = store.rows("SELECT count(*) AS stored FROM acp_message")
            stored_at_delivery.append(row["stored"])

        for number in range(1, 21):
            bench.append()
            bench.recorder.append(Entry(bench.lease, None, None, new_id(), Told(deliver)))
            if number % 5 == 0:
                await bench.recorder.flush()

    record(scenario)
    assert len(stored_at_delivery) == 20
    assert all(stored >= number for number, stored in enumerate(stored_at_delivery, 1))


def test_the_database_is_not_left_waiting_while_the_loop_is_busy(record: Any) -> None:
    """Between an exchange's two round trips it waits for the rows; texts that come do not hold them up."""

    async def scenario(bench: Bench) -> None:
        bench.append()
        while bench.recorder._copier is None or bench.recorder._copier._done is None:  # noqa: ASYNC110 - untold
            await asyncio.sleep(0)
        deadline = time.monotonic() + 20
        while not bench.stored():  # no turn of the loop from here on
            assert time.monotonic() < deadline
            bench.append()
        assert bench.delivered == []

    record(scenario)


def test_a_poisoned_row_costs_only_its_payload(record: Any, store: Store) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(50):
            bench.append('{"n":1}', payload=b'"\\u0000"' if number in (0, 17, 49) else None)

    bench = record(scenario)
    assert bench.stored() == bench.delivered == list(range(1, 51))
    marked = store.rows("SELECT seq FROM acp_message WHERE payload #>> '{}' LIKE '«%%' ORDER BY seq")
    assert [row["seq"] for row in marked] == [1, 18, 50]


def test_a_payload_nested_too_deeply_costs_only_itself(record: Any) -> None:
    """PostgreSQL calls that a lack of resources, as it does a full disk; trying again would not help."""
    deep = b"[" * 50_000 + b"]" * 50_000

    async def scenario(bench: Bench) -> None:
        bench.append()
        bench.append(payload=deep)
        bench.append()

    bench = record(scenario)
    assert bench.stored() == bench.delivered == [1, 2, 3]


def test_a_backend_that_dies_loses_nothing_and_doubles_nothing(
    record: Any, database_url: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE ANY (%s)"
    )

    async def scenario(bench: Bench) -> None:
        async def append() -> None:
            for _ in range(3000):
                bench.append()
                await asyncio.sleep(0)

        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as killer:
            appending, deaths = asyncio.create_task(append()), 0
            while not appending.done():
                cursor = await killer.execute(kill, (["EXECUTE advance%"],))
                deaths += cursor.rowcount
            assert deaths > 3

    bench = record(scenario)
    assert bench.stored() == bench.delivered == list(range(1, 3001))


def test_a_commit_whose_answer_is_lost_is_not_repeated(record: Any, monkeypatch: Any) -> None:
    commit, lost = module.batch.commit, iter([True, False])

    async def losing(*arguments: Any) -> set[Lease]:
        found: set[Lease] = await commit(*arguments)
        if next(lost, False):
            raise psycopg.OperationalError("the connection broke while COMMIT was answered")
        return found

    monkeypatch.setattr(module.batch, "commit", losing)

    async def scenario(bench: Bench) -> None:
        for _ in range(10):
            bench.append()

    bench = record(scenario)
    assert bench.stored() == bench.delivered == list(range(1, 11))


def test_a_commit_that_ends_after_we_looked_for_it_is_not_repeated(record: Any, monkeypatch: Any) -> None:
    """The way to the database is cut, and its end of the old connection goes on for a while."""
    real = module.batch.commit
    attempts: list[int] = []

    async def losing(*arguments: Any) -> set[Lease]:
        attempts.append(1)
        lost = await real(*arguments)
        if len(attempts) == 1:
            raise psycopg.OperationalError("the answer is lost")
        return lost

    async def not_seen(_: Any, entries: Any) -> Any:
        return entries

    monkeypatch.setattr(module.batch, "commit", losing)
    monkeypatch.setattr(module.batch, "not_stored", not_seen)

    async def scenario(bench: Bench) -> None:
        for _ in range(5):
            bench.append()

    bench = record(scenario)
    assert bench.stored() == bench.delivered == [1, 2, 3, 4, 5]


def test_nothing_is_committed_under_a_stale_epoch(record: Any) -> None:
    async def scenario(bench: Bench) -> None:
        stale = Lease(bench.lease.container_id, bench.lease.epoch - 1)
        bench.append(lease=stale)
        await bench.recorder.flush()
        assert bench.stale == [stale]

    bench = record(scenario)
    assert (bench.stored(), bench.delivered, bench.committed) == ([], [], [])


def test_a_stale_lease_costs_others_nothing(record: Any) -> None:
    async def scenario(bench: Bench) -> None:
        bench.append(lease=Lease(new_id(), 1))
        bench.append()

    bench = record(scenario)
    assert (bench.stored(), bench.delivered) == ([1], [2])  # the first took no number


def test_what_is_lost_between_two_deliveries_is_not_delivered(record: Any) -> None:
    """The process stands still while it delivers a batch; when it goes on, a renewal says what it holds."""
    told: list[str] = []

    async def scenario(bench: Bench) -> None:
        ended = asyncio.Event()
        other = Lease(new_id(), 1)

        def stand_still() -> None:
            told.append("before")
            bench.tenure.renewed(clock() - 61, {bench.lease.container_id: bench.lease.epoch})
            ended.set()

        for lease, tell in (
            (bench.lease, stand_still),
            (other, partial(told.append, "lost")),
            (bench.lease, partial(told.append, "kept")),
        ):
            to_caller = (Delivery("caller", "{}"),)
            bench.recorder.append(Entry(lease, None, None, new_id(), Told(tell), to_caller))
        await ended.wait()
        await asyncio.sleep(0)
        assert told == ["before"]
        bench.tenure.renewed(clock(), {bench.lease.container_id: bench.lease.epoch})
        await bench.recorder.flush()
        assert bench.stale == [other]

    record(scenario)
    assert told == ["before", "kept"]


def test_records_of_a_removed_container_are_dropped(record: Any, store: Store) -> None:
    async def scenario(bench: Bench) -> None:
        bench.append()
        await bench.recorder.flush()
        store.remove("plain")
        bench.append()
        await bench.recorder.flush()
        assert bench.stale == [bench.lease]

    bench = record(scenario)
    assert (bench.stored(), bench.delivered) == ([], [1])


def test_readers_are_held_back_when_too_much_waits(store: Store, database_url: str, tmp_path: Path) -> None:
    """Those of callers first."""

    async def main() -> None:
        limits = Limits(100_000, 1 << 20, tmp_path)
        async with recording(store, database_url, limits) as bench, asyncio.timeout(30):
            text = '"' + "x" * 30_000 + '"'
            bench.append(text)
            await bench.recorder.backlog.callers_may()
            bench.append(text)
            caller = asyncio.create_task(bench.recorder.backlog.callers_may())
            await bench.recorder.backlog.containers_may()
            bench.append(text)
            bench.append(text)
            container = asyncio.create_task(bench.recorder.backlog.containers_may())
            await asyncio.sleep(0)
            assert not caller.done()
            assert not container.done()
            await asyncio.gather(caller, container)
            assert bench.delivered[0] == 1
            await bench.recorder.flush()

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []  # the database was there, so nothing was spooled
