"""`flask prompts send`: the command line as a caller, over both protocols."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app import create_app
from app.extensions import db
from tests.support.commands import as_json, assert_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskCliRunner

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store


@pytest.fixture
def runner(settings: Settings, gateway: str) -> Iterator[FlaskCliRunner]:
    app = create_app(replace(settings, gateway_url=gateway.removesuffix("/acp")))
    yield app.test_cli_runner()
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(("name", "protocols"), [("plain", ("http", "acp")), ("http-only", ("http",))])
def test_an_agent_is_asked_and_what_it_says_is_printed(
    runner: FlaskCliRunner, fleet: DemoFleet, store: Store, name: str, protocols: tuple[str, ...]
) -> None:
    store.register(name, fleet.endpoint(name), protocols=protocols, prefer=protocols[-1])
    store.connected(name)
    answer = as_json(runner, "prompts", "send", name, "hello", "--allow-once")["answer"]
    assert "hello" in answer
    prompts = [each for each in store.messages(name) if each["method"] == "session/prompt"]
    assert {each["caller"] for each in prompts} == {"command line"}


def test_a_container_that_is_not_connected_is_told(runner: FlaskCliRunner, store: Store) -> None:
    store.register("nowhere", "http://127.0.0.1:9")
    result = runner.invoke(args=["prompts", "send", "nowhere", "hello"])
    assert_told(result, "not")  # connected, or not even dialled yet
