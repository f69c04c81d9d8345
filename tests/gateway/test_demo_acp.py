"""The demo containers over ACP: what wire.md says of real agents holds for them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from acp import connect_to_agent
from acp.helpers import text_block
from acp.schema import AllowedOutcome, RequestPermissionResponse
from acp.ws.client import create_websocket_stream

from app.demo.fleet import FLEET
from app.demo.scripts import HOSTILE_TEXTS, LONG_LINE, PLANTED_SECRET, STREAMED_CHUNKS
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from tests.support.demo import DemoFleet, Talk

ON_ACP = [name for name, behaviour in FLEET.items() if Protocol.ACP in behaviour.protocols]


@pytest.mark.parametrize("name", [name for name in ON_ACP if name != "refuser"])
def test_it_negotiates_version_1_and_names_its_connection(fleet: DemoFleet, talk: Talk, name: str) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp(name)) as conversation:
            answer = await conversation.initialize()
            return answer["result"], conversation.socket.response.headers

    result, headers = asyncio.run(scenario())
    assert result["protocolVersion"] == 1
    assert result["agentInfo"]["name"] == f"demo-{name}"
    assert result["agentCapabilities"] == {"loadSession": True}
    assert headers["Acp-Connection-Id"]


def test_a_prompt_shows_every_kind_of_update(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            answer = await conversation.prompt(await conversation.new_session(), "Grüße")
            return answer, conversation

    answer, conversation = asyncio.run(scenario())
    assert answer["result"] == {"stopReason": "end_turn"}
    assert conversation.text() == "echo: Grüße"
    for kind in ("agent_thought_chunk", "plan", "tool_call", "usage_update"):
        assert conversation.updates(kind), kind
    assert [update["status"] for update in conversation.updates("tool_call_update")] == ["completed"]


@pytest.mark.parametrize(
    "refusal",
    [{"outcome": "cancelled"}, {"outcome": "selected", "optionId": "reject"}],
    ids=["cancelled", "no"],
)
def test_a_tool_runs_only_with_permission(fleet: DemoFleet, talk: Talk, refusal: dict[str, str]) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            conversation.permission = refusal
            await conversation.initialize()
            await conversation.prompt(await conversation.new_session(), "hello")
            return conversation

    conversation = asyncio.run(scenario())
    assert [update["status"] for update in conversation.updates("tool_call_update")] == ["failed"]
    assert conversation.text() == "I was not allowed to look."


def test_a_streamed_answer_can_be_cancelled_and_the_session_goes_on(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("streamer")) as conversation:
            await conversation.initialize()
            session = await conversation.new_session()
            prompt = [{"type": "text", "text": "count"}]
            await conversation.send(
                id="p", method="session/prompt", params={"sessionId": session, "prompt": prompt}
            )
            while not conversation.updates("agent_message_chunk"):
                await conversation.hear()
            busy = await conversation.prompt(session, "meanwhile")
            await conversation.send(method="session/cancel", params={"sessionId": session})
            first = await conversation.answer("p")
            return busy, first, len(conversation.updates("agent_message_chunk"))

    busy, cancelled, chunks = asyncio.run(scenario())
    assert busy["error"]["code"] == -32600
    assert cancelled["result"] == {"stopReason": "cancelled"}
    assert chunks < STREAMED_CHUNKS


def test_a_session_outlives_its_connection_and_is_replayed(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            session = await conversation.new_session()
            await conversation.prompt(session, "first")
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            answer = await conversation.ask(
                "session/load", sessionId=session, cwd="/workspace", mcpServers=[]
            )
            return answer, conversation

    answer, conversation = asyncio.run(scenario())
    assert answer["result"] == {}
    assert [update["content"]["text"] for update in conversation.updates("user_message_chunk")] == ["first"]
    assert conversation.text() == "echo: first"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("_console/ping", {}, -32601),
        ("foo/bar", {}, -32601),
        ("session/set_mode", {"sessionId": "s", "modeId": "m"}, -32601),
        ("session/new", {}, -32602),
        ("session/prompt", {"sessionId": "nobody", "prompt": []}, -32002),
    ],
)
def test_errors_have_the_protocols_codes(
    fleet: DemoFleet, talk: Talk, method: str, params: dict[str, Any], code: int
) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("plain")) as conversation:
            await conversation.initialize()
            return await conversation.ask(method, **params)

    assert asyncio.run(scenario())["error"]["code"] == code


def test_the_refuser_answers_with_another_version(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("refuser")) as conversation:
            return await conversation.initialize()

    assert asyncio.run(scenario())["result"]["protocolVersion"] == 2


def test_who_speaks_only_http_refuses_the_upgrade(fleet: DemoFleet) -> None:
    async def scenario() -> Any:
        async with websockets.connect(fleet.acp("http-only")):
            pytest.fail("there is no ACP here")

    with pytest.raises(websockets.InvalidStatus, match="403"):
        asyncio.run(scenario())


def test_the_hostile_one_sends_all_it_has(fleet: DemoFleet, talk: Talk) -> None:
    async def scenario() -> Any:
        async with talk(fleet.acp("hostile")) as conversation:
            hello = await conversation.initialize()
            await conversation.prompt(await conversation.new_session(), "go")
            return hello, conversation

    hello, conversation = asyncio.run(scenario())
    assert "<script>" in hello["result"]["agentInfo"]["title"]
    assert conversation.text() == "".join(HOSTILE_TEXTS)
    everything = json.dumps(conversation.heard)
    assert PLANTED_SECRET in everything
    assert LONG_LINE in everything


def test_the_official_client_gets_on_with_it(fleet: DemoFleet) -> None:
    class Client:
        def __init__(self) -> None:
            self.kinds: list[str] = []

        async def session_update(self, update: Any, **_: Any) -> None:
            self.kinds.append(update.session_update)

        async def request_permission(self, options: Any, **_: Any) -> RequestPermissionResponse:
            chosen = AllowedOutcome(outcome="selected", option_id=options[0].option_id)
            return RequestPermissionResponse(outcome=chosen)

    async def scenario() -> Any:
        client = Client()
        async with connect_to_agent(client, await create_websocket_stream(fleet.acp("plain"))) as agent:
            await agent.initialize(protocol_version=1)
            session = await agent.new_session(cwd="/workspace", mcp_servers=[])
            answer = await agent.prompt(prompt=[text_block("hello")], session_id=session.session_id)
        return answer.stop_reason, client.kinds

    stop_reason, kinds = asyncio.run(scenario())
    assert stop_reason == "end_turn"
    assert {"plan", "tool_call", "agent_message_chunk", "usage_update"} <= set(kinds)
