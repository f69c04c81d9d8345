"""Every pair of states, legal or not, through SQL and through the services: both know the same moves."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.errors import IllegalMove
from app.models import AcpConnection, ProtocolMigration
from app.protocol.rollout_states import (
    PART_MOVES,
    ROLLOUT_MOVES,
    WAVE_MOVES,
    PartState,
    RolloutState,
    WaveState,
)
from app.protocol.states import (
    CONNECTION_MOVES,
    MIGRATION_MOVES,
    ConnectionStatus,
    MigrationPhase,
    Protocol,
)
from app.services import connections, migration_phases
from app.services.migration_phases import FINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

    from sqlalchemy.orm import Session

    from app.models import Container

STATUSES = list(product(ConnectionStatus, repeat=2))
PHASES = list(product(MigrationPhase, repeat=2))


@pytest.mark.parametrize(("current", "target"), STATUSES)
def test_a_connections_status_in_sql(
    raw: psycopg.Connection, current: ConnectionStatus, target: ConnectionStatus
) -> None:
    raw.execute("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    raw.execute(
        "INSERT INTO acp_connection (connection_id, container_id, status, version)"
        " SELECT 'k', id, %s, '1.0.0' FROM container",
        [current],
    )
    move = "UPDATE acp_connection SET status = %s RETURNING status"
    if target in CONNECTION_MOVES[current] or target is current:  # writing the same status is no move
        assert raw.execute(move, [target]).fetchone() == {"status": target}
        return
    with pytest.raises(
        psycopg.errors.CheckViolation, match=f"cannot go from {current} to {target}"
    ) as refused:
        raw.execute(move, [target])
    assert refused.value.diag.constraint_name == "acp_connection_status_move"


@pytest.mark.parametrize(("current", "target"), STATUSES)
def test_a_connections_status_by_the_service(
    session: Session,
    register: Callable[..., Container],
    current: ConnectionStatus,
    target: ConnectionStatus,
) -> None:
    container = register()
    connection = AcpConnection(
        connection_id="k", container_id=container.id, status=current, version="1.0.0", metadata_={}
    )
    session.add(connection)
    if target in CONNECTION_MOVES[current]:
        connections.move(session, connection, target, "to see")
        (moved,) = connection.transitions
        assert (moved.from_status, moved.to_status, moved.reason) == (current, target, "to see")
        assert connection.error_count == (target is ConnectionStatus.ERROR)
        assert connection.reconnect_count == (
            (current, target) == (ConnectionStatus.RECONNECTING, ConnectionStatus.CONNECTED)
        )
        return
    with pytest.raises(IllegalMove, match=f"connection status cannot go from {current} to {target}"):
        connections.move(session, connection, target, "to see")
    assert connection.status == current
    assert connection.transitions == []


OF_ROLLOUTS = [
    (table, moves, current, target)
    for table, words, moves in (
        ("rollout", RolloutState, ROLLOUT_MOVES),
        ("rollout_wave", WaveState, WAVE_MOVES),
        ("rollout_container", PartState, PART_MOVES),
    )
    for current, target in product(words, repeat=2)
]
SEEDS = {
    "rollout": "INSERT INTO rollout (name, to_protocol, plan, reason, digest, created_by, state)"
    " VALUES ('r', 'acp', '{}', 'r', '', 'ann', %s)",
    "rollout_wave": "WITH r AS (INSERT INTO rollout (name, to_protocol, plan, reason, digest, created_by)"
    " VALUES ('r', 'acp', '{}', 'r', '', 'ann') RETURNING id) INSERT INTO rollout_wave"
    " (rollout_id, number, baking_at, state) SELECT id, 1, now(), %s FROM r",
    "rollout_container": "WITH r AS (INSERT INTO rollout"
    " (name, to_protocol, plan, reason, digest, created_by) VALUES ('r', 'acp', '{}', 'r', '', 'ann')"
    " RETURNING id), s AS (SELECT %s AS state)"
    " INSERT INTO rollout_container (rollout_id, name, position, wave, state)"
    " SELECT id, 'a', 0, CASE s.state WHEN 'left_out' THEN NULL ELSE 1 END, s.state FROM r, s",
}


@pytest.mark.parametrize(("table", "moves", "current", "target"), OF_ROLLOUTS)
def test_the_states_of_rollouts_in_sql(
    raw: psycopg.Connection,
    table: str,
    moves: Mapping[StrEnum, frozenset[StrEnum]],
    current: StrEnum,
    target: StrEnum,
) -> None:
    raw.execute(SEEDS[table].encode(), [current])
    extra = (
        ", wave = CASE %(to)s WHEN 'left_out' THEN NULL ELSE 1 END" if table == "rollout_container" else ""
    )
    move = f"UPDATE {table} SET state = %(to)s{extra} RETURNING state".encode()
    if target in moves[current] or target is current:
        assert raw.execute(move, {"to": target}).fetchone() == {"state": target}
        return
    with pytest.raises(
        psycopg.errors.CheckViolation, match=f"cannot go from {current} to {target}"
    ) as refused:
        raw.execute(move, {"to": target})
    assert refused.value.diag.constraint_name == f"{table}_state_move"


@pytest.mark.parametrize(("current", "target"), PHASES)
def test_a_protocol_migrations_phase_in_sql(
    raw: psycopg.Connection, current: MigrationPhase, target: MigrationPhase
) -> None:
    raw.execute("INSERT INTO container (name, endpoint_url) VALUES ('a', 'http://h')")
    raw.execute(
        "INSERT INTO protocol_migration (container_id, from_protocol, to_protocol, phase)"
        " SELECT id, 'http', 'acp', %s FROM container",
        [current],
    )
    move = "UPDATE protocol_migration SET phase = %s RETURNING phase"
    if target in MIGRATION_MOVES[current] or target is current:
        assert raw.execute(move, [target]).fetchone() == {"phase": target}
        return
    if (current, target) == (
        MigrationPhase.ROLLING_BACK,
        MigrationPhase.FAILED,
    ):  # the version before says so
        assert raw.execute(move, [target]).fetchone() == {"phase": MigrationPhase.ROLLED_BACK}
        return
    with pytest.raises(
        psycopg.errors.CheckViolation, match=f"cannot go from {current} to {target}"
    ) as refused:
        raw.execute(move, [target])
    assert refused.value.diag.constraint_name == "protocol_migration_phase_move"


@pytest.mark.parametrize(("current", "target"), PHASES)
def test_a_protocol_migrations_phase_by_the_service(
    session: Session, register: Callable[..., Container], current: MigrationPhase, target: MigrationPhase
) -> None:
    migration = ProtocolMigration(
        container_id=register().id, from_protocol=Protocol.HTTP, to_protocol=Protocol.ACP, phase=current
    )
    session.add(migration)
    session.flush()
    if target in MIGRATION_MOVES[current]:
        migration_phases.advance(session, migration, target, "to see")
        assert [(step.phase, step.detail) for step in migration.steps] == [(target, "to see")]
        assert migration.success is FINAL.get(target)
        assert (migration.completed_at is not None) == (target in FINAL)
        return
    with pytest.raises(IllegalMove, match=f"phase cannot go from {current} to {target}"):
        migration_phases.advance(session, migration, target, "to see")
    assert migration.phase == current
    assert migration.steps == []
