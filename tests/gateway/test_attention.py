"""Who changes what a resting container is to do does not wait for the end of its rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

pytestmark = pytest.mark.usefixtures("gateway")

NOBODY = "http://127.0.0.1:9"
RESTING = {"max_reconnect_attempts": 0}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, redial_interval=600.0)


@pytest.mark.parametrize("protocols", [("acp",), ("http",), ("http", "acp")])
def test_a_corrected_address_is_dialled_at_once(
    fleet: DemoFleet, store: Store, protocols: tuple[str, ...]
) -> None:
    store.register("plain", NOBODY, protocols=protocols, prefer=protocols[-1], settings=RESTING)
    eventually(lambda: store.connections("plain"), lambda rows: rows and rows[-1]["error_count"])
    store.change("plain", endpoint_url=fleet.endpoint("plain"))
    store.connected("plain")


def test_a_protocol_migration_begins_at_once(fleet: DemoFleet, store: Store) -> None:
    fleet.order("http-first", health="fail")
    store.register("http-first", fleet.endpoint("http-first"), prefer="http", settings=RESTING)
    eventually(lambda: store.connections("http-first"), lambda rows: rows and rows[-1]["error_count"])
    store.migrate("http-first", "acp")
    assert store.migrated("http-first")["success"]
