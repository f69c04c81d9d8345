"""A real firewall between the gateway and a container drops every packet: the host is gone without a word."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from tests.support.bridge import bridge
from tests.support.networks import NETWORK, namespace
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.networks import Namespace
    from tests.support.store import Store


@pytest.fixture
def host() -> Iterator[Namespace]:
    with namespace() as there:
        yield there


@pytest.fixture
def settings(settings: Settings) -> Settings:
    networks = (*settings.allowed_networks, IPv4Network(NETWORK))
    return replace(settings, allowed_networks=networks, trusted_networks=networks, half_open_seconds=4.0)


@pytest.mark.usefixtures("gateway")
def test_a_host_behind_a_firewall_that_drops_is_found_and_comes_back(host: Namespace, store: Store) -> None:
    with bridge(host.host, host.enter) as container:
        store.register("plain", container.url, protocols=("acp",))
        row = store.connected("plain")
        host.drop()
        began = time.monotonic()
        ended = eventually(lambda: store.transitions("plain"), lambda found: len(found) > 1)[1]
        assert time.monotonic() - began < 15
        reason = "half-open: a ping was not answered and nothing else came for 2 s"
        assert ended == ("connected", "error", reason)
        host.pass_on()
        again = store.connected("plain", patience=30)
        assert (again["id"], again["reconnect_count"]) == (row["id"], 1)
