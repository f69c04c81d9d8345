"""The reference of reasons and codes, and what pages say of the reasons they show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.models import AcpConnectionTransition
from app.protocol.explanations import TABLE
from app.protocol.states import ActionKind, Cause, ConnectionStatus, MigrationPhase
from app.services import connection_actions, connections, migration_phases, protocol_migrations
from app.services.actor import Actor

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

REFUSED = "gave up after 5 attempts: http://127.0.0.1:9000/acp: Connection refused"
CAUSE = "nobody listens at that address and port"


def test_every_explanation_has_its_place_in_the_reference(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/explanations/").text
    assert [code for code in TABLE if f'id="{code}"' not in page] == []


@pytest.mark.parametrize(
    ("asked", "found", "not_found"),
    [
        (REFUSED, 'id="connection-refused"', 'id="half-open"'),
        ("-32601", 'id="rpc-32601"', 'id="close-1006"'),
        ("client certificate", 'id="tls-client-wanted"', 'id="idle"'),
    ],
)
def test_it_can_be_searched(sign_in: SignIn, asked: str, found: str, not_found: str) -> None:
    page = sign_in("viewer").get("/explanations/", query_string={"q": asked}).text
    assert found in page
    assert not_found not in page


def test_what_nothing_explains_is_said_so_and_stays_text(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/explanations/", query_string={"q": '"><script>x()</script>'}).text
    assert "Nothing explains that" in page
    assert "<script>x" not in page


def test_a_connection_explains_its_transitions(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    connections.move(world.session, connection, ConnectionStatus.ERROR, "the stream ended")
    connections.dial_failed(world.session, connection, "http://127.0.0.1:9000/acp: Connection refused")
    world.session.commit()
    viewer = sign_in("viewer")
    page = viewer.get(f"/connections/{connection.id}").text
    assert "came to its end without saying why" in page
    assert CAUSE in page
    assert "#connection-refused" in viewer.get("/containers").text
    assert CAUSE in viewer.get(f"/containers/{connection.container_id}").text


def test_a_peer_s_own_words_are_explained_by_their_close_code(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    how = {"closed_by": "peer", "close_code": 1012}
    transition = AcpConnectionTransition(
        connection_id=connection.id, from_status="connected", to_status="error", reason="back soon", **how
    )
    world.session.add(transition)
    world.session.commit()
    page = sign_in("viewer").get(f"/connections/{connection.id}").text
    assert "back soon" in page
    assert "was told to restart" in page


def test_a_failed_migration_and_a_failed_action_are_explained(sign_in: SignIn, world: World) -> None:
    container = world.container()
    migration = protocol_migrations.request(
        world.session, container, "acp", reason="try", actor=Actor("t"), cause=Cause.OPERATOR
    )
    migration_phases.advance(world.session, migration, MigrationPhase.FAILED, REFUSED)
    action = connection_actions.request(
        world.session, container, ActionKind.PROBE, reason="slow?", actor=Actor("t")
    )
    connection_actions.finish(
        world.session, action, success=False, outcome="a dial aside failed: the stream ended"
    )
    world.session.commit()
    viewer = sign_in("viewer")
    page = viewer.get(f"/containers/{container.id}").text
    assert CAUSE in page
    assert "could not be reached for the probe, either" in page
    assert CAUSE in viewer.get("/protocol-migrations").text


RECORDS = [
    (
        {"error": {"code": -32000, "message": "log in"}},
        {"rpc_kind": "error", "error": True, "error_message": "log in (-32000)"},
        "the agent&#39;s own login has expired",
    ),
    ({"error": "x"}, {"rpc_kind": "error", "error": True, "error_message": "x"}, "has codes of its own"),
    (
        {"error": {"code": -32603}},
        {"rpc_kind": "unanswered", "error": True, "error_message": "the gateway is stopping"},
        "before an answer came",
    ),
    (
        {"gap": {"count": 3}},
        {"rpc_kind": "gap", "error": True, "error_message": "3 messages of the container are missing here"},
        "longer than the spool on disk",
    ),
    (
        {"code": 1012, "reason": "half-open: x", "by": "peer"},
        {"rpc_kind": "transport", "message_type": "disconnect"},
        "was told to restart",
    ),
    ({"a": 1}, {"processed": False}, "its session is nobody&#39;s"),
    (
        "«payload that PostgreSQL could not store; it was relayed as it came»",
        {},
        "JSON that no database takes",
    ),
    (None, {"rpc_kind": "invalid", "error": True, "error_message": "not JSON: x"}, "cut off"),
]


@pytest.mark.parametrize(("payload", "fields", "words"), RECORDS)
def test_a_record_says_what_is_wrong_with_it(
    sign_in: SignIn, world: World, payload: object, fields: dict[str, object], words: str
) -> None:
    connection = world.connected(world.container())
    message = world.record(connection, payload, **({"processed": True} | fields))
    assert words in sign_in("viewer").get(f"/messages/{message.id}").text


def test_a_record_in_order_needs_no_explanation(sign_in: SignIn, world: World) -> None:
    message = world.record(world.connected(world.container()), {"params": {}}, processed=True)
    assert "Likely cause" not in sign_in("viewer").get(f"/messages/{message.id}").text


def test_the_command_line_explains(app: Flask) -> None:
    runner = app.test_cli_runner()
    told = runner.invoke(args=["explain", REFUSED])
    assert CAUSE in told.output
    assert "Next step:" in told.output
    found = json.loads(runner.invoke(args=["explain", "--json", "--", "-32603"]).output)
    assert [each["code"] for each in found] == ["rpc-32603"]
    unknown = runner.invoke(args=["explain", "no", "such", "words"])
    assert unknown.exit_code == 1
