"""The demo fleet, a gateway on the test's database, and callers."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.sync.client import connect

from app.config import Settings
from app.config_values import Bind
from app.demo.fleet import FLEET
from tests.support.callers import Caller
from tests.support.demo import DemoFleet, serving, talk_to
from tests.support.gateways import running_gateway
from tests.support.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.callers import Call
    from tests.support.demo import Talk

SECRET_KEY = "only-the-gateway-tests-know-this-key"


@pytest.fixture
def fleet() -> Iterator[DemoFleet]:
    with serving(FLEET.values()) as url, httpx.Client(base_url=url) as client:
        yield DemoFleet(url, client)


@pytest.fixture
def talk() -> Talk:
    """Open a conversation with an ACP endpoint: `async with talk(url) as conversation`."""
    return talk_to


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a gateway that never makes a test wait; the environment would not allow such values."""
    return Settings(
        database_url=database_url,
        data_dir=tmp_path,
        secret_key=SECRET_KEY,
        gateway_bind=Bind("127.0.0.1", 0),
        http_poll_interval=0.2,
        redial_interval=0.2,
        lease_seconds=3,
    )


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def gateway(settings: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """A running gateway, as the URL for callers. Nothing in it may have failed by the end of the test."""
    caplog.set_level(logging.INFO, "app")
    with running_gateway(settings) as url:
        yield url
    assert not [line for line in caplog.get_records("call") if _is_failure(line)], caplog.text


def _is_failure(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR and record.name.startswith(("app.", "asyncio"))


@pytest.fixture
def call(gateway: str, store: Store) -> Iterator[Call]:
    """Connect a caller to a container: `call("plain")`. The container has been dialled by then."""
    authorization = {"Authorization": f"Bearer {store.token()}"}
    with ExitStack() as sockets:

        def open_caller(name: str) -> Caller:
            store.connected(name)
            socket = connect(f"{gateway}/{name}", additional_headers=authorization, max_size=None)
            return Caller(sockets.enter_context(socket))

        yield open_caller
