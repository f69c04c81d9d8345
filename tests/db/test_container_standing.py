"""The narrow row that lists are sorted by: what triggers keep in it is what the connections say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

EXPECTED = """
SELECT c.id AS container_id, c.name, k.id AS connection_id, coalesce(k.status, 'never') AS status,
       coalesce(k.error_count, 0) AS error_count, latency_step(k.metadata) AS latency_step
FROM container c LEFT JOIN LATERAL (
    SELECT * FROM acp_connection WHERE container_id = c.id
    ORDER BY (status <> 'disconnected') DESC, id DESC LIMIT 1) k ON true ORDER BY c.id
"""
KEPT = """
SELECT container_id, name, connection_id, status, error_count, latency_step FROM container_standing
ORDER BY container_id
"""
STEPS = [
    "INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h'), ('b', 'http://h')",
    "{connect} 'k1', id, 'disconnected', '1.0.0' FROM container WHERE name = 'a'",
    "UPDATE acp_connection SET error_count = 3 WHERE connection_id = 'k1'",
    "UPDATE acp_connection SET status = 'connected', error_count = 4 WHERE connection_id = 'k1'",
    "UPDATE acp_connection SET metadata = '{{\"latency_ms\": 12.5}}' WHERE connection_id = 'k1'",
    "{connect} 'k2', id, 'disconnected', '1.0.0' FROM container WHERE name = 'a'",
    "UPDATE container SET name = 'c' WHERE name = 'b'",
    "UPDATE acp_connection SET error_count = 9 WHERE connection_id = 'k2'",
    "UPDATE acp_connection SET status = 'error' WHERE connection_id = 'k1'",
    "UPDATE acp_connection SET status = 'disconnected' WHERE connection_id = 'k1'",
    "UPDATE acp_connection SET status = 'connected' WHERE connection_id = 'k2'",
    'UPDATE acp_connection SET error_count = 5, metadata = \'{{"latency_ms": "odd"}}\'',
    "DELETE FROM acp_connection WHERE connection_id = 'k2'",
    "DELETE FROM acp_connection",
    "DELETE FROM container WHERE name = 'a'",
]
CONNECT = "INSERT INTO acp_connection (connection_id, container_id, status, version) SELECT"


def test_it_follows_every_step(raw: psycopg.Connection[Any]) -> None:
    for step in STEPS:
        raw.execute(step.format(connect=CONNECT).encode())
        assert raw.execute(KEPT).fetchall() == raw.execute(EXPECTED).fetchall(), step


def test_activity_is_noted_in_steps(raw: psycopg.Connection[Any]) -> None:
    raw.execute("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    raw.execute(f"{CONNECT} 'k1', id, 'connected', '1.0.0' FROM container".encode())
    noted, moved = "SELECT active_at FROM container_standing", 0
    # The trigger that sets `last_active` to now is off: time passes here as the test says.
    raw.execute("ALTER TABLE acp_connection DISABLE TRIGGER acp_connection_touch")
    raw.execute("UPDATE acp_connection SET last_active = '2026-11-25T12:00Z'")
    last = raw.execute(noted).fetchone()
    for second in range(1, 91):
        raw.execute(
            "UPDATE acp_connection SET last_active = '2026-11-25T12:00Z'::timestamptz"
            " + make_interval(secs => %s)",
            [second],
        )
        now = raw.execute(noted).fetchone()
        moved, last = moved + (now != last), now
        behind = raw.execute(
            "SELECT last_active - active_at AS by FROM acp_connection, container_standing"
        ).fetchone()
        assert behind is not None
        assert behind["by"].total_seconds() < 30
    assert moved == 3


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (None, 0),
        ("{}", 0),
        ('{"latency_ms": null}', 0),
        ('{"latency_ms": "1"}', 0),
        ('{"latency_ms": 0}', 1),
        ('{"latency_ms": -5}', 1),
        ('{"latency_ms": 1000}', 36),
        ('{"latency_ms": 1e300}', 105),
    ],
)
def test_steps_of_latency(raw: psycopg.Connection[Any], facts: str | None, step: int) -> None:
    row = raw.execute("SELECT latency_step(%s::jsonb) AS step", [facts]).fetchone()
    assert row == {"step": step}
