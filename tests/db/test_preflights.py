"""What rows tell of a move, whom it would concern, the intent of a dry run, and what refuses a start."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select, text

from app.config import Settings
from app.errors import Blocked, Conflict, Invalid
from app.models import AcpMessage, AuditEvent, ContainerLease, Gateway, new_id
from app.protocol.blast import Blast
from app.protocol.preflight import Check, Verdict
from app.protocol.states import ActionKind, MigrationPhase, Protocol
from app.protocol.strategies import Plan, Strategy
from app.queries import blast, rollout_checks
from app.queries import preflights as stored
from app.services import connection_actions, connections, preflights, presence, protocol_migrations
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container

    Register = Callable[..., Container]

QUESTION = "not answered yet, which the agent has asked a caller, such as for permission"
BLOCKED = Check("reachable", Verdict.BLOCK, "nobody answers", "start it")


def verdicts(session: Session, container: Container, to: str = "acp") -> dict[str, Verdict]:
    return {each.name: each.verdict for each in stored.static_checks(session, container, to)}


def held(session: Session, container: Container, epoch: int = 3) -> Gateway:
    """Let a gateway hold a container."""
    gateway = Gateway(address="ws://127.0.0.1:1", version="1")
    session.add(gateway)
    session.flush()
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    session.add(
        ContainerLease(container_id=container.id, gateway_id=gateway.id, epoch=epoch, expires_at=until)
    )
    session.flush()
    return gateway


def asked(
    session: Session, connection_id: uuid.UUID, method: str, direction: str = "outbound", **values: object
) -> AcpMessage:
    message = AcpMessage(
        id=new_id(),
        connection_id=connection_id,
        direction=direction,
        message_type="command",
        size=1,
        method=method,
        **({"rpc_kind": "request"} | values),
    )
    session.add(message)
    session.flush()
    return message


def answered(session: Session, request: AcpMessage) -> None:
    asked(session, request.connection_id, "", rpc_kind="response", reply_to=request.id)


def connected(session: Session, container: Container) -> uuid.UUID:
    row = connections.open_row(session, container.id, Protocol.HTTP, "0.3.1")
    session.execute(text("UPDATE acp_connection SET status = 'connected' WHERE id = :id"), {"id": row.id})
    return row.id


def test_a_container_that_can_move(session: Session, register: Register) -> None:
    container = register()
    held(session, container)
    assert set(verdicts(session, container).values()) == {Verdict.PASS}


def test_what_stands_in_the_way_of_each(session: Session, register: Register) -> None:
    away, stopped, moving = register("away"), register("stopped", status="stopped"), register("moving")
    connection_actions.request(session, away, ActionKind.DISCONNECT, reason="r", actor=TESTER)
    migration = protocol_migrations.request(session, moving, "acp", reason="r", actor=TESTER)
    assert (verdicts(session, away)["held"], verdicts(session, stopped)["container"]) == ("block", "block")
    assert verdicts(session, moving)["migration"] == "block"
    assert verdicts(session, moving)["gateway"] == "warn"
    assert verdicts(session, moving, "http")["protocol"] == "block"
    own = stored.static_checks_of_many(session, [moving.id], "acp", own=migration.id)
    assert {each.name: each.verdict for each in own[moving.id]}["migration"] == "pass"


def test_many_are_judged_in_as_many_queries_as_one(session: Session, register: Register) -> None:
    ids = [register(f"web-{number}").id for number in range(5)]
    session.expire_all()
    statements: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    found = stored.static_checks_of_many(session, [*ids, new_id()], "acp")
    assert set(found) == set(ids)
    assert len(statements) == 5


def test_what_is_open_is_counted_on_the_connection_that_serves(session: Session, register: Register) -> None:
    container, other = register("web-1"), register("web-2")
    connection_id = connected(session, container)
    asked(session, connection_id, "session/prompt")
    answered(session, asked(session, connection_id, "session/prompt"))
    asked(session, connection_id, "session/list")
    asked(session, connection_id, "_console/ping")
    asked(session, connection_id, "session/request_permission", "inbound")
    answered(session, asked(session, connection_id, "session/request_permission", "inbound"))
    expected = Blast(requests=2, prompts=1, permissions=1)
    assert blast.of(session, container) == expected
    assert blast.of_many(session, [container.id, other.id]) == {container.id: expected, other.id: Blast()}
    assert (verdicts(session, container)["prompts"], verdicts(session, other)["prompts"]) == ("warn", "pass")
    session.execute(text("UPDATE acp_connection SET status = 'error'"))
    assert blast.of(session, container) == Blast()


def test_before_a_rollout_what_is_open_is_told_of_all_and_the_rest_of_the_first(
    session: Session, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_checks, "MOST", 2)
    idle, busy, late = register("idle"), register("busy"), register("late", status="stopped")
    held(session, idle)
    asked(session, connected(session, busy), "session/prompt")
    connection_id = connected(session, late)
    asked(session, connection_id, "session/prompt")
    asked(session, connection_id, "session/request_permission", "inbound")
    statements: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: statements.append(args[2]))
    taking = {each.id: each.name for each in (idle, busy, late)}
    policy = Settings(database_url="", secret_key="").endpoint_policy()
    checked = rollout_checks.of(session, taking, "acp", policy)
    assert (checked.asked, checked.clear, len(statements)) == (2, 1, 6)
    assert {(check.name, check.reason): names for check, names in checked.found.items()} == {
        ("prompts", "2 prompts are not answered yet"): ["busy", "late"],
        ("permissions", f"1 question is {QUESTION}"): ["late"],
        ("gateway", "no gateway holds the container at present"): ["busy"],
    }
    assert {check.verdict for check in checked.found} == {Verdict.WARN}


def test_who_is_there_counts_under_the_present_lease_only(session: Session, register: Register) -> None:
    container = register()
    gateway = held(session, container, epoch=3)
    assert blast.of(session, container).callers is None
    presence.note(session, gateway.id, [presence.Presence(container.id, 3, 2, 1)])
    assert blast.of(session, container) == Blast(callers=2, sessions=1)
    presence.note(session, gateway.id, [presence.Presence(container.id, 2, 9, 9)])  # of a lease that is lost
    assert blast.of(session, container).callers == 2
    session.execute(text("UPDATE container_lease SET epoch = 4"))
    assert blast.of(session, container).callers is None
    session.execute(text("UPDATE container_lease SET epoch = 3, expires_at = now() - interval '1 s'"))
    assert blast.of(session, container).callers is None


def test_a_dry_run_is_asked_for_once_and_audited(session: Session, register: Register) -> None:
    container = register()
    preflight = preflights.request(session, container, "acp", actor=TESTER)
    assert (preflight.open, stored.latest(session, container.id, "acp")) == (True, preflight)
    assert stored.open_of_many(session, [container.id]) == [preflight]
    with pytest.raises(Conflict, match="under way already"):
        preflights.request(session, container, "acp", actor=TESTER)
    with pytest.raises(Invalid):
        preflights.request(session, container, "gopher", actor=TESTER)
    last = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert last is not None
    assert (last.action, last.after) == (
        "preflight requested",
        {"preflight": str(preflight.id), "to_protocol": "acp"},
    )
    preflights.take(session, preflight, new_id())
    preflights.finish(session, preflight, [BLOCKED])
    preflights.finish(session, preflight, [])
    assert (preflight.verdict, preflight.found, preflight.radius) == (Verdict.BLOCK, [BLOCKED], Blast())


def test_not_while_a_migration_is_at_work(session: Session, register: Register) -> None:
    container = register()
    protocol_migrations.request(session, container, "acp", reason="r", actor=TESTER)
    with pytest.raises(Conflict, match="under way"):
        preflights.request(session, container, "acp", actor=TESTER)


def test_a_migration_keeps_what_its_own_preflight_found(session: Session, register: Register) -> None:
    container = register()
    migration = protocol_migrations.request(session, container, "acp", reason="r", actor=TESTER)
    assert stored.of_migration(session, migration.id) is None
    kept = preflights.record(session, migration, new_id(), [BLOCKED])
    assert stored.of_migration(session, migration.id) == kept
    assert stored.latest(session, container.id, "acp") is None  # that one is of dry runs
    assert migration.phase == MigrationPhase.PENDING


def test_what_cannot_work_is_not_started(session: Session, register: Register) -> None:
    well, stopped = register("well"), register("stopped", status="stopped")
    later = Plan(strategy=Strategy.SCHEDULED, scheduled_at=dt.datetime.now(dt.UTC), scheduled_zone="UTC")
    preflights.check_startable(session, well, "acp", Plan())
    preflights.check_startable(session, stopped, "acp", later)  # it may run by then
    with pytest.raises(Conflict, match="the container is stopped; start it first"):
        preflights.check_startable(session, stopped, "acp", Plan())
    with pytest.raises(Conflict, match="on HTTP already"):
        preflights.check_startable(session, stopped, "http", later)


def test_what_the_last_dry_run_blocked_is_started_only_knowingly(
    session: Session, register: Register
) -> None:
    container = register()
    preflights.finish(session, preflights.request(session, container, "acp", actor=TESTER), [BLOCKED])
    with pytest.raises(Conflict, match="the last preflight blocked: nobody answers"):
        preflights.check_startable(session, container, "acp", Plan())
    preflights.check_startable(session, container, "acp", Plan(), anyway=True)
    session.execute(text("UPDATE protocol_preflight SET completed_at = now() - interval '25 h'"))
    session.expire_all()
    preflights.check_startable(session, container, "acp", Plan())
    session.execute(text("UPDATE protocol_preflight SET completed_at = now() - interval '23 h'"))
    session.expire_all()
    with pytest.raises(Blocked):
        preflights.check_startable(session, container, "acp", Plan())
    preflights.finish(session, preflights.request(session, container, "acp", actor=TESTER), [])
    preflights.check_startable(session, container, "acp", Plan())
