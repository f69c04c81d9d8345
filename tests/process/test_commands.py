"""The command line: what each command does, and what it prints for people and for machines."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.models import AuditEvent, CallerToken, User
from app.protocol.states import MigrationPhase, Protocol
from app.queries import connection_actions as actions
from app.queries import containers
from app.queries import protocol_migrations as queries
from app.services import connection_actions, connections, migration_phases, tokens
from tests.support.commands import ADD, PASSWORD, as_json, assert_told, run

if TYPE_CHECKING:
    from flask.testing import FlaskCliRunner
    from sqlalchemy.orm import Session


def test_a_container_is_added_shown_edited_listed_and_removed(runner: FlaskCliRunner) -> None:
    added = as_json(runner, *ADD, "--prefer", "acp", "--label", "team=a", "--credential", "env:WEB_1")
    assert (added["name"], added["preferred_protocol"], added["labels"]) == ("web-1", "acp", {"team": "a"})
    edited = as_json(runner, "containers", "edit", added["id"], "--name", "web-2", "--credential", "")
    assert edited == added | {"name": "web-2", "credential": None}
    assert as_json(runner, "containers", "show", "web-2") == edited
    assert json.loads(run(runner, "containers", "show", "web-2").stdout) == edited
    for narrowed, names in [
        ((), ["web-2"]),
        (("--status", "never", "--protocol", "http", "--search", "web"), ["web-2"]),
        (("--status", "connected"), []),
    ]:
        assert [row["name"] for row in as_json(runner, "containers", "list", *narrowed)] == names
    assert "web-2 " in run(runner, "containers", "list").stdout
    assert as_json(runner, "containers", "remove", "web-2") == {"removed": "web-2", "id": added["id"]}
    assert run(runner, "containers", "list").stdout == "No containers.\n"


def test_what_a_container_prefers_when_nobody_says(runner: FlaskCliRunner) -> None:
    assert as_json(runner, *ADD)["preferred_protocol"] == "http"
    only = as_json(runner, "containers", "add", "web-2", "https://agents.example", "--protocols", "acp")
    assert only["preferred_protocol"] == "acp"
    plain = as_json(runner, "containers", "add", "web-3", "https://agents.example")
    assert plain["supported_protocols"] == ["http"]


def test_a_configuration_is_changed_and_the_rest_stays(runner: FlaskCliRunner, session: Session) -> None:
    before = as_json(runner, *ADD)["configuration"]
    changes = ("reconnect_delay=20", "compression_enabled=no", "encryption_level=none")
    after = as_json(runner, "configurations", "change", "web-1", *changes, "--reason", "slow link")
    assert after == before | {"reconnect_delay": 20, "compression_enabled": False, "encryption_level": "none"}
    assert as_json(runner, "containers", "show", "web-1")["configuration"] == after
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.action, event.reason) == ("configuration changed", "slow link")


def test_a_protocol_migration_is_started_rolled_back_and_listed(
    runner: FlaskCliRunner, session: Session
) -> None:
    run(runner, *ADD)
    start = ("protocol-migrations", "start", "web-1", "--to", "acp", "--reason", "to see")
    started = as_json(runner, *start)
    assert (started["container"], started["to_protocol"], started["reason"]) == ("web-1", "acp", "to see")
    again = runner.invoke(args=start)
    assert again.exit_code == 1
    complete(session)
    back = as_json(runner, "protocol-migrations", "rollback", started["id"], "--reason", "as it was")
    assert (back["from_protocol"], back["to_protocol"]) == ("acp", "http")
    listed = as_json(runner, "protocol-migrations", "list", "--container", "web-1")
    assert [each["id"] for each in listed] == [back["id"], started["id"]]
    assert as_json(runner, "protocol-migrations", "list") == listed
    assert "http → acp" in run(runner, "protocol-migrations", "list").stdout


def test_a_connections_action_is_requested_and_shown(runner: FlaskCliRunner, session: Session) -> None:
    run(runner, *ADD)
    asked = as_json(runner, "containers", "probe", "web-1", "--reason", "slow?")
    assert (asked["kind"], asked["reason"], asked["requested_by"]) == ("probe", "slow?", "command line")
    again = runner.invoke(args=["containers", "probe", "web-1", "--reason", "slow?"])
    assert_told(again, "a probe of this container is under way already")
    waited = runner.invoke(args=["containers", "disconnect", "web-1", "--reason", "r", "--wait", "0"])
    assert (waited.exit_code, waited.stdout) == (2, "disconnect: requested, waiting for a gateway\n")
    action = actions.get(session, uuid.UUID(asked["id"]))
    connection_actions.finish(session, action, success=False, outcome="it is frozen")
    session.commit()
    shown = as_json(runner, "containers", "show", "web-1")
    assert [each["outcome"] for each in shown["actions"]] == [None, "it is frozen"]
    assert (shown["held_by"], shown["held_reason"], shown["waiting"]) == ("command line", "r", [])
    assert "held disconnected by command line: r" in run(runner, "containers", "list").stdout
    assert_told(runner.invoke(args=["containers", "probe", "web-1", "--reason", " "]), "say why")


def test_a_container_is_stopped_and_started(runner: FlaskCliRunner, session: Session) -> None:
    run(runner, *ADD)
    stopped = as_json(runner, "containers", "stop", "web-1", "--reason", "it moves")
    assert stopped["container_status"] == "stopped"
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.action, event.reason) == ("container changed", "it moves")
    refused = runner.invoke(args=["containers", "reconnect", "web-1", "--reason", "r"])
    assert_told(refused, "the container is stopped; start it first")
    assert run(runner, "containers", "start", "web-1", "--reason", "moved").stdout == "web-1 is running.\n"


def test_an_action_on_all_containers_is_confirmed_by_their_count(runner: FlaskCliRunner) -> None:
    run(runner, *ADD)
    every = ("containers", "all", "reconnect", "--reason", "r")
    assert run(runner, *every).stdout == "reconnect: 1 containers take part; confirm with --count 1\n"
    assert_told(runner.invoke(args=[*every, "--count", "2"]), "1 containers take part")
    assert run(runner, *every, "--count", "1").stdout == "reconnect: requested of 1 containers\n"
    assert list(as_json(runner, *every, "--count", "1")["refused"]) == ["web-1"]
    run(runner, "configurations", "change", "web-1", "enable_bulk_operations=no", "--reason", "apart")
    assert as_json(runner, *every) == {"count": 0, "containers": []}


def complete(session: Session) -> None:
    """Do what the gateway would: bring the protocol migration of web-1 to its end."""
    container = containers.get(session, "web-1")
    (migration,) = queries.of_container(session, container.id)
    for phase in (MigrationPhase.PREFLIGHT, MigrationPhase.SWITCHING):
        migration_phases.advance(session, migration, phase)
    connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    migration_phases.switch(session, container, Protocol.ACP, connection)
    for phase in (MigrationPhase.VERIFYING, MigrationPhase.COMPLETED):
        migration_phases.advance(session, migration, phase)
    session.commit()


def test_a_token_stands_alone_on_the_last_line_and_only_its_hash_is_stored(
    runner: FlaskCliRunner, session: Session
) -> None:
    result = run(runner, "tokens", "create", "caller")
    assert result.output.splitlines()[-1] == result.stdout.strip()
    (stored,) = session.scalars(select(CallerToken))
    assert stored.token_hash == tokens.hashed(result.stdout.strip())
    assert as_json(runner, "tokens", "revoke", "caller") == {"revoked": "caller"}
    assert as_json(runner, "tokens", "create", "caller")["token"] != result.stdout.strip()
    assert run(runner, "tokens", "revoke", "caller").stdout == "Revoked caller.\n"


def test_a_user_is_added_with_a_role_and_a_password_that_is_no_argument(
    runner: FlaskCliRunner, session: Session
) -> None:
    added = as_json(runner, "users", "add", "ann@example.org", "--role", "migrator", "--password-stdin")
    assert added == {"email": "ann@example.org", "role": "migrator"}
    (user,) = session.scalars(select(User))
    assert [role.name for role in user.roles] == ["migrator"]
    assert PASSWORD.strip() not in user.password


def test_people_are_listed_changed_and_given_a_password(runner: FlaskCliRunner, session: Session) -> None:
    for name in ("ann", "bob"):
        run(runner, "users", "add", f"{name}@example.com", "--role", "admin", "--password-stdin")
    changed = as_json(
        runner, "users", "change", "ann@example.com", "--role", "viewer", "--reason", "on leave"
    )
    assert changed == {"email": "ann@example.com", "roles": ["viewer"], "active": True}
    assert (
        as_json(runner, "users", "change", "ann@example.com", "--inactive", "--reason", "left")["active"]
        is False
    )
    assert [each["email"] for each in as_json(runner, "users", "list")] == [
        "ann@example.com",
        "bob@example.com",
    ]
    assert "ann@example.com  viewer  may not sign in\n" in run(runner, "users", "list").stdout
    before = session.scalars(select(User.password).where(User.email == "bob@example.com")).one()
    run(runner, "users", "password", "bob@example.com", "--password-stdin", stdin="another-good-one\n")
    assert session.scalars(select(User.password).where(User.email == "bob@example.com")).one() != before
    trail = as_json(runner, "audit", "list", "--action", "user changed")
    assert [(each["subject"]["name"], each["reason"]) for each in trail] == [
        ("ann@example.com", "left"),
        ("ann@example.com", "on leave"),
    ]
    assert "command line  user changed  ann@example.com  “left”" in run(runner, "audit", "list").stdout
