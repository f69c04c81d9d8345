"""Bells between web and gateway, and what happens when the database cuts the wire."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.gateway import announcer as module
from app.gateway.announcer import Announcer
from app.gateway.batch import Entry, Lease
from app.gateway.database import Database
from app.gateway.rows import Book
from app.models import new_id
from tests.support.recording import Told
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE %s"
)


def test_committed_records_are_announced_by_their_timelines(
    fleet: DemoFleet, store: Store, call: Call, database_url: str
) -> None:
    container_id = store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    connection = store.connected("plain")
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute("LISTEN console_facts")
        caller.new_session()
        wanted = f"messages {container_id} {connection['id']}"
        with closing(listening.notifies(timeout=10)) as bells:
            assert any(wanted in bell.payload.splitlines() for bell in bells)

    def active_again() -> bool:  # touched at most once a second, by whatever comes then
        caller.new_session()
        return bool(store.connected("plain")["last_active"] > connection["last_active"])

    eventually(active_again)


def test_what_could_not_be_announced_is_announced_later(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    container_id, row_id = new_id(), new_id()
    lease = Lease(container_id, 1)
    entry = Entry(lease, Book(lease, row_id), b"", new_id(), Told(int))

    async def scenario(database: Database) -> list[str]:
        announcer = Announcer(database)
        announcing = asyncio.create_task(announcer.run())
        try:
            async with await database.connect() as listening, asyncio.timeout(10):
                await listening.execute("LISTEN console_facts")
                announcer.committed([entry])
                first = await anext(listening.notifies())
                assert eventually(lambda: store.rows(CUT, "%pg_notify%") or store.rows(CUT, "COMMIT"))
                announcer.committed([entry])
                second = await anext(listening.notifies())
                return [first.payload, second.payload]
        finally:
            announcing.cancel()
            await asyncio.wait({announcing})

    database = Database(database_url)
    try:
        assert asyncio.run(scenario(database)) == [f"messages {container_id} {row_id}"] * 2
    finally:
        database.close()


@pytest.mark.usefixtures("gateway")
def test_an_intent_is_seen_although_the_bell_wire_was_cut(fleet: DemoFleet, store: Store) -> None:
    store.register("http-first", fleet.endpoint("http-first"), prefer="http")
    store.connected("http-first")
    assert store.rows(CUT, "LISTEN%")
    store.migrate("http-first", "acp")
    assert store.migrated("http-first")["success"]


def test_every_connection_to_the_database_cut_again_and_again(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    session = caller.new_session()
    for number in range(5):
        caller.begin_prompt(session, f"number {number}")
        assert store.rows(CUT, "%")
        assert caller.answer(number + 2)["result"]["stopReason"] == "end_turn"
    assert caller.text() == "".join(f"echo: number {number}" for number in range(5))
    numbers = [row["seq"] for row in store.messages("plain")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert store.connected("plain")["reconnect_count"] == 0
