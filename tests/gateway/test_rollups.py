"""The gateway keeps the rollups by itself, beside its traffic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from app.gateway.database import Database
from app.gateway.rollups import Rollups
from app.queries import session_list
from app.queries.paging import Where
from app.services import rollups
from tests.support.records import kept_sessions, plain_sessions
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import pytest

    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store


class Idle:
    """A recorder with nothing to do."""

    stored = 0


COUNTED = "SELECT coalesce(sum(messages), 0) AS count FROM message_rollup WHERE step = 1"


def test_what_is_exchanged_is_in_the_rollups_and_a_session_is_listed_at_once(
    fleet: DemoFleet, store: Store, call: Call
) -> None:
    container_id = store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    made = caller.new_session()
    caller.prompt(made, "look around")
    with store.session() as session:
        waiting = session_list.whose(session, container_id).waiting
        newest = Where("active", falls=True)
        (listed,) = session_list.page(session, container_id, newest, waiting).rows
    assert (listed.session_id, listed.prompts) == (made, 1)

    def kept() -> list[tuple[Any, ...]]:
        with store.session() as session:
            return kept_sessions(session) if plain_sessions(session) == kept_sessions(session) else []

    ((of, session_id, *_, messages),) = eventually(kept, bool)
    assert (of, session_id) == (container_id, made)
    assert messages >= listed.messages > 2
    assert store.rows("SELECT * FROM message_rollup WHERE method = 'initialize' AND bin > 0")


def test_a_backlog_is_worked_off_without_waiting_for_a_beat(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups.add, "__defaults__", (10,))
    monkeypatch.setattr(rollups, "STEP_ROWS", 10)
    container_id = store.register("plain", "http://127.0.0.1:9")
    store.rows(
        "WITH k AS (INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " VALUES ('k', %s, 'disconnected', '1.0.0') RETURNING id),"
        " s AS (INSERT INTO acp_connection_sequence SELECT id, 95 FROM k)"
        " INSERT INTO acp_message (connection_id, direction, message_type, size, seq)"
        " SELECT k.id, 'inbound', 'event', 1, n FROM k, generate_series(1, 95) n",
        container_id,
    )

    # What is less than a step waits for the beat.
    async def work() -> None:
        database = Database(database_url)
        working = asyncio.create_task(Rollups(database, Idle(), beat=3600).run())
        await asyncio.to_thread(
            eventually, lambda: store.rows(COUNTED)[0]["count"], lambda count: count > 95 - 10
        )
        working.cancel()
        await asyncio.wait({working})
        database.close()

    asyncio.run(work())
