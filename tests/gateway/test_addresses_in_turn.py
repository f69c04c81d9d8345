"""A name with several addresses: where nobody answers at the first, such as ::1, the next is dialled."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from app.gateway.address import TRIED
from tests.support.agents import INITIALIZED, agent, http_agent, result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.store import Store

NAME = "agent.example"


def _resolve(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> None:
    real = asyncio.BaseEventLoop.getaddrinfo

    async def look_up(loop: Any, host: Any, port: Any, **options: Any) -> list[Any]:
        if host != NAME:
            return await real(loop, host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port or 0)) for each in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)


@pytest.mark.usefixtures("gateway")
def test_the_next_address_is_dialled_where_nobody_answers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolve(monkeypatch, ["127.0.0.3", "127.0.0.2", "127.0.0.1"])
    with agent({"initialize": result(INITIALIZED)}) as over_acp, http_agent(200) as over_http:
        store.register("acp", f"http://{NAME}:{urlsplit(over_acp).port}")
        store.register(
            "http", f"http://{NAME}:{urlsplit(over_http).port}", protocols=("http",), prefer="http"
        )
        store.connected("acp", over="acp")
        store.connected("http", over="http")
    (opened,) = store.messages("acp", "message_type = 'connect' AND payload ? 'opened'")
    assert NAME in opened["payload"]["opened"]["url"]


@pytest.mark.usefixtures("gateway")
def test_no_attempt_dials_a_crowd_of_addresses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, [*(f"127.0.0.{n}" for n in range(2, 2 + TRIED)), "127.0.0.1"])
    with agent({"initialize": result(INITIALIZED)}) as url:
        store.register("crowd", f"http://{NAME}:{urlsplit(url).port}")
        migration = store.migrated("crowd", 0)
    assert "refused" in migration["error_message"]
