"""What operators see and say on the command line, beside a running gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.extensions import db
from tests.support.commands import as_json, run
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskCliRunner

    from app.config import Settings
    from tests.support.callers import Call
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

WHY = ("--reason", "to see")


@pytest.fixture
def runner(settings: Settings) -> Iterator[FlaskCliRunner]:
    app = create_app(settings)
    yield app.test_cli_runner()
    with app.app_context():
        db.engine.dispose()


def test_what_waits_for_a_caller_is_seen_until_it_is_answered(
    fleet: DemoFleet, store: Store, call: Call, runner: FlaskCliRunner
) -> None:
    store.register("plain", fleet.endpoint("plain"))

    def waiting() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = as_json(runner, "containers", "show", "plain")["waiting"]
        return found

    caller = call("plain")
    caller.permission = None
    prompt = caller.begin_prompt(caller.new_session(), "hello")
    asked = caller.hear_of("session/request_permission")
    (told,) = waiting()
    assert (told["method"], told["caller"]) == ("session/request_permission", "tester")
    assert "waiting for tester: session/request_permission" in run(runner, "containers", "list").stdout
    caller.send(id=asked["id"], result={"outcome": {"outcome": "selected", "optionId": "allow"}})
    assert caller.answer(prompt)["result"]["stopReason"] == "end_turn"
    assert waiting() == []


def test_one_whose_caller_leaves_is_answered_at_once(
    fleet: DemoFleet, store: Store, call: Call, runner: FlaskCliRunner
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    caller = call("plain")
    caller.permission = None
    caller.begin_prompt(caller.new_session(), "hello")
    caller.hear_of("session/request_permission")
    caller.socket.close()
    asked = "method = 'session/request_permission'"
    answered = f"reply_to IN (SELECT id FROM acp_message WHERE {asked} AND rpc_kind = 'request')"
    (answer,) = eventually(lambda: store.messages("plain", answered))
    assert answer["payload"]["result"] == {"outcome": {"outcome": "cancelled"}}
    assert as_json(runner, "containers", "show", "plain")["waiting"] == []


@pytest.mark.usefixtures("gateway")
def test_each_action_is_waited_for(fleet: DemoFleet, store: Store, runner: FlaskCliRunner) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    probe = as_json(runner, "containers", "probe", "plain", *WHY, "--wait")
    assert probe["measured"]["agent_ms"] > 0
    said = run(runner, "containers", "disconnect", "plain", *WHY, "--wait").stdout
    assert said == "disconnect: done: the connection was ended\n"
    fleet.order("plain", refuse=True)
    failed = runner.invoke(args=["containers", "reconnect", "plain", *WHY, "--wait", "30"])
    assert (failed.exit_code, failed.stdout.startswith("reconnect: failed: ")) == (1, True)


@pytest.mark.usefixtures("gateway")
def test_stop_ends_the_connection_and_start_dials(
    fleet: DemoFleet, store: Store, runner: FlaskCliRunner
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    run(runner, "containers", "stop", "plain", *WHY)
    eventually(lambda: store.active("plain"), lambda row: row is None)
    assert store.transitions("plain")[-1] == ("connected", "disconnected", "the container is stopped")
    run(runner, "containers", "start", "plain", *WHY)
    store.connected("plain")
    run(runner, "containers", "remove", "plain", *WHY)
    eventually(lambda: fleet.state("plain"), lambda state: state["live"] == 0)


@pytest.mark.usefixtures("gateway")
def test_removal_and_a_busy_gateway_do_not_block_each_other(
    fleet: DemoFleet, store: Store, runner: FlaskCliRunner
) -> None:
    """Both lock the lease first; the other way around PostgreSQL had to end one of them."""
    for number in range(8):
        store.register("plain", fleet.endpoint("plain"))
        if number % 2:
            store.connected("plain")
            store.ask("plain", "reconnect")
        assert as_json(runner, "containers", "remove", "plain", *WHY)["removed"] == "plain"
