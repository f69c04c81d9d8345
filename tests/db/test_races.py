"""Two clients at once: whoever comes second waits for the first and is judged by what that one left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

ON_ACP = (
    "UPDATE container_session SET protocol_type = 'acp', acp_connection_id = (SELECT id FROM acp_connection)"
)
DROP_ACP = "UPDATE container SET supported_protocols = '{http}'"
CONNECT = (
    "INSERT INTO acp_connection (connection_id, container_id, status, version)"
    " SELECT gen_random_uuid(), id, 'connected', '1.0.0' FROM container"
)
MIGRATE = (
    "INSERT INTO protocol_migration (container_id, from_protocol, to_protocol)"
    " SELECT id, 'http', 'acp' FROM container"
)

RACES = [
    (ON_ACP, DROP_ACP, "container_protocol_in_use"),
    (DROP_ACP, ON_ACP, "container_session_protocol_supported"),
    (CONNECT, CONNECT, "uq_acp_connection_one_active"),
    (MIGRATE, MIGRATE, "uq_protocol_migration_one_open"),
]


@pytest.fixture
def clients(database_url: str) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Two connections to a database with one container, on HTTP with a former connection."""
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        first.execute(
            "INSERT INTO container (name, endpoint_url, supported_protocols)"
            " VALUES ('a', 'http://h', '{http,acp}')"
        )
        first.execute(CONNECT.replace("'connected'", "'disconnected'"))
        first.commit()
        yield first, second


def begin(client: psycopg.Connection, statement: str, watcher: psycopg.Connection) -> Future[psycopg.Cursor]:
    """Run a statement in a thread and return when it waits for a lock."""
    pool = ThreadPoolExecutor(1)
    done = pool.submit(client.execute, statement.encode())
    pool.shutdown(wait=False)
    waiting = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
    pid = client.info.backend_pid
    eventually(lambda: watcher.execute(waiting, [pid]).fetchone(), lambda row: row == ("Lock",))
    return done


@pytest.mark.parametrize(("winner", "loser", "rule"), RACES, ids=[rule for *_, rule in RACES])
def test_the_second_is_refused(
    clients: tuple[psycopg.Connection, psycopg.Connection],
    database_url: str,
    winner: str,
    loser: str,
    rule: str,
) -> None:
    first, second = clients
    first.execute(winner.encode())
    with psycopg.connect(database_url, autocommit=True) as watcher:
        done = begin(second, loser, watcher)
        first.commit()
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        done.result(timeout=15)
    assert refused.value.diag.constraint_name == rule


@pytest.mark.parametrize(("winner", "loser"), [(ON_ACP, DROP_ACP), (DROP_ACP, ON_ACP)])
def test_the_second_goes_on_if_the_first_gives_up(
    clients: tuple[psycopg.Connection, psycopg.Connection], database_url: str, winner: str, loser: str
) -> None:
    first, second = clients
    first.execute(winner.encode())
    with psycopg.connect(database_url, autocommit=True) as watcher:
        done = begin(second, loser, watcher)
        first.rollback()
    assert done.result(timeout=15).rowcount == 1
