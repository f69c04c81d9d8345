"""Faults ordered of the demo containers while they run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets

from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.server import serve

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet, Talk


def test_a_drop_ends_connections_without_a_close_frame(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            assert fleet.order("plain", drop=True)["dials"] == 1
            with pytest.raises(websockets.ConnectionClosedError) as lost:
                await conversation.hear()
        return lost.value

    lost = asyncio.run(scenario())
    assert (lost.rcvd, lost.sent) == (None, None)


def test_a_frozen_container_answers_pings_and_nothing_else(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            fleet.order("plain", freeze=True)
            await conversation.send(id="held", method="_console/ping", params={})
            await asyncio.wait_for(await conversation.socket.ping(), timeout=5)
            with pytest.raises(httpx.ReadTimeout):
                fleet.client.get("/plain/health", timeout=0.2)
            heard = len(conversation.heard)
            fleet.order("plain", freeze=False)
            return heard, await conversation.answer("held")

    heard_while_frozen, answer = asyncio.run(scenario())
    assert heard_while_frozen == 1  # the answer to initialize
    assert answer["error"]["code"] == -32601
    assert fleet.client.get("/plain/health").status_code == 200


def test_a_muted_connection_stays_open_and_answers_no_ping(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            assert fleet.order("plain", mute=True)["live"] == 1
            pong = await conversation.socket.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pong, timeout=0.2)
            assert fleet.state("plain")["live"] == 1
            fleet.order("plain", drop=True)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        (True, ("error", "code", -32603)),
        ("error", ("error", "code", -32603)),
        ("version", ("result", "protocolVersion", 2)),
        (False, ("result", "protocolVersion", 1)),
    ],
)
def test_handshakes_are_refused_as_ordered(
    fleet: DemoFleet, talk: Talk, order: object, outcome: tuple[str, str, int]
) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            return await conversation.initialize()

    fleet.order("plain", refuse=order)
    kind, key, value = outcome
    assert asyncio.run(scenario())[kind][key] == value


def test_health_fails_and_recovers_as_ordered(fleet: DemoFleet) -> None:
    fleet.order("plain", health="fail")
    assert fleet.client.get("/plain/health").status_code == 503
    fleet.order("plain", health="ok")
    assert fleet.client.get("/plain/health").status_code == 200


@pytest.mark.parametrize("frame", [{"jsonrpc": "2.0", "method": "_x/y"}, 42, None, "42", "{broken", "", "[]"])
def test_any_frame_can_be_emitted(fleet: DemoFleet, talk: Talk, frame: Any) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            fleet.order("plain", emit=frame)
            return await conversation.socket.recv()

    text = asyncio.run(scenario())
    assert text == frame if isinstance(frame, str) else json.loads(text) == frame


@pytest.mark.parametrize(
    "body", ['{"drop": 1}', '{"explode": true}', '{"refuse": "maybe"}', '{"health": null, "x": 1}', "[]", "{"]
)
def test_a_wrong_order_is_refused_and_nothing_done(fleet: DemoFleet, body: str | bytes) -> None:
    response = fleet.client.post("/plain/_control", content=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_some_faults_come_on_their_own(talk: Talk) -> None:
    """The dropper drops and the streamer ticks, here in milliseconds."""
    quick = [replace(FLEET["dropper"], drops_every=0.05), replace(FLEET["streamer"], ticks_every=0.01)]

    async def scenario() -> Any:
        async with serve(Bind("127.0.0.1", 0), quick) as url:
            base = url.replace("http://", "ws://")
            async with talk(f"{base}/streamer/acp") as conversation:
                await conversation.initialize()
                ticks = [await conversation.hear() for _ in range(2)]
            async with talk(f"{base}/dropper/acp") as conversation:
                with pytest.raises(websockets.ConnectionClosedError):
                    await conversation.hear()
        return ticks

    first, second = asyncio.run(scenario())
    assert first["method"] == "_demo/tick"
    assert second["params"]["number"] == first["params"]["number"] + 1


def test_a_taken_port_is_an_error(fleet: DemoFleet) -> None:
    async def scenario() -> Any:
        async with serve(Bind("127.0.0.1", httpx.URL(fleet.url).port or 0)):
            pytest.fail("two servers on one port")

    with pytest.raises(OSError, match="in use"):
        asyncio.run(scenario())
