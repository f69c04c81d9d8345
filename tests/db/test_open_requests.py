"""What waits for an answer: what triggers keep of it is what the records say."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from app.models import new_id

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    import psycopg

    from tests.db.conftest import Migrations

EXPECTED = """
SELECT id, connection_id, direction, method FROM acp_message asked
WHERE rpc_kind = 'request' AND (method IS DISTINCT FROM '_console/ping' OR direction = 'inbound')
    AND NOT EXISTS (SELECT FROM acp_message answer WHERE answer.reply_to = asked.id) ORDER BY id
"""
KEPT = "SELECT id, connection_id, direction, method FROM acp_open_request ORDER BY id"
ASKED = [
    ("outbound", "session/prompt"),
    ("inbound", "session/request_permission"),
    ("outbound", "session/set_mode"),
    ("outbound", "_console/ping"),
    ("inbound", "_console/ping"),
    ("outbound", None),
    ("inbound", None),
]
METHODS = "SELECT method FROM acp_open_request ORDER BY method"
OTHER_WAY = {"inbound": "outbound", "outbound": "inbound"}
COLUMNS = "id, connection_id, direction, message_type, size, method, rpc_kind, reply_to"


@pytest.fixture
def connection(raw: psycopg.Connection[Any]) -> uuid.UUID:
    raw.execute("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    row = raw.execute(
        "INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " SELECT 'k', id, 'connected', '1.0.0' FROM container RETURNING id"
    ).fetchone()
    assert row is not None
    found: uuid.UUID = row["id"]
    return found


def test_it_follows_what_is_copied(raw: psycopg.Connection[Any], connection: uuid.UUID) -> None:
    chance, waiting = random.Random(6), []  # noqa: S311 - the same records at every run
    for _ in range(20):
        with raw.cursor().copy(f"COPY acp_message ({COLUMNS}) FROM STDIN") as into:
            for _ in range(chance.randrange(1, 12)):
                id_, kind, reply = new_id(), "notification", None
                way, method = chance.choice(ASKED)
                if waiting and chance.random() < 0.3:
                    reply, way, method = waiting.pop(chance.randrange(len(waiting)))
                    kind = "unanswered"
                elif chance.random() < 0.8:
                    kind = "request"
                    waiting.append((id_, "outbound" if way == "inbound" else "inbound", method))
                into.write_row([id_, connection, way, "message", 1, method, kind, reply])
        kept = raw.execute(KEPT).fetchall()
        assert kept == raw.execute(EXPECTED).fetchall()
    assert len(kept) > 5


def test_it_goes_with_the_connection(raw: psycopg.Connection[Any], connection: uuid.UUID) -> None:
    values = "VALUES (%s, %s, 'inbound', 'message', 1, 'm', 'request', NULL)"
    raw.execute(f"INSERT INTO acp_message ({COLUMNS}) {values}".encode(), [new_id(), connection])
    assert len(raw.execute(KEPT).fetchall()) == 1
    raw.execute("DELETE FROM container")
    assert raw.execute(KEPT).fetchall() == []


def ask(migrations: Migrations, way: str, methods: Sequence[str]) -> None:
    """Record requests on the one connection, and an answer to the first."""
    migrations.rows(
        "INSERT INTO acp_message (connection_id, direction, message_type, size, rpc_kind, method)"
        f" SELECT id, '{way}', 'message', 1, 'request', unnest(ARRAY{list(methods)})"
        " FROM acp_connection"
    )
    migrations.rows(
        "INSERT INTO acp_message (connection_id, direction, message_type, size, rpc_kind, method, reply_to)"
        f" SELECT connection_id, '{OTHER_WAY[way]}', 'message', 1, 'response', method, id"
        f" FROM acp_message WHERE method = '{methods[0]}'"
    )


@pytest.fixture
def connected(migrations: Migrations) -> Migrations:
    """A database of before open requests were kept, with a connection."""
    migrations.up("0018")
    migrations.rows("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    migrations.rows(
        "INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " SELECT 'k', id, 'connected', '1.0.0' FROM container"
    )
    return migrations


def test_an_upgrade_finds_what_waits_already(connected: Migrations) -> None:
    ask(connected, "inbound", ["a", "b"])
    connected.up("0019")
    assert connected.rows(METHODS) == [("b",)]
    assert connected.rows("SELECT name FROM container_standing") == [("a",)]
    connected.down()
    connected.rows("INSERT INTO container (name, endpoint_url) VALUES ('b', 'http://h')")
    assert connected.rows("SELECT count(*) FROM container_standing") == [(2,)]


def test_an_upgrade_finds_what_callers_wait_for_and_another_way_forgets_it(connected: Migrations) -> None:
    connected.up("0023")
    ask(connected, "inbound", ["a", "b"])
    ask(connected, "outbound", ["session/new", "session/prompt", "session/load", "_console/ping"])
    assert connected.rows(METHODS) == [("b",), ("session/prompt",)]
    for _ in range(2):
        connected.up("0024")
        assert connected.rows(METHODS) == [("b",), ("session/load",), ("session/prompt",)]
        connected.down()
        assert connected.rows(METHODS) == [("b",), ("session/prompt",)]
