"""HTTP's transport by itself: what comes after its end is told like any other failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.gateway.address import Address
from app.gateway.http_transport import open_http
from app.models import new_id
from app.protocol.endpoints import parse_endpoint

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet


def test_what_is_sent_or_asked_after_the_end_fails_in_words(fleet: DemoFleet) -> None:
    endpoint = parse_endpoint(fleet.endpoint("plain"))

    async def scenario() -> list[dict[str, object]]:
        mistakes: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
        transport = await open_http(Address(endpoint, endpoint.host, None, {}), "/rpc")
        await transport.close("enough")
        transport.send("{}", new_id())
        with pytest.raises(TimeoutError, match="the connection has been closed"):
            await transport.ping()
        await asyncio.sleep(0)
        return mistakes

    assert asyncio.run(scenario()) == []
