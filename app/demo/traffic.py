"""A modest caller of the gateway, on the official SDK's client side, so that the live pages move."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Any, cast

from acp import connect_to_agent
from acp.exceptions import RequestError
from acp.helpers import text_block
from acp.meta import PROTOCOL_VERSION
from acp.schema import AllowedOutcome, Implementation, RequestPermissionResponse
from acp.ws.client import create_websocket_stream
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp.interfaces import Client
    from acp.schema import PermissionOption

log = logging.getLogger(__name__)

PAUSE_SECONDS = 4.0  # between two prompts: something is always moving, and one can still read it
PATIENCE_SECONDS = 30.0  # longer than the slowest demo agent takes for an answer
QUESTIONS = (
    "How many invoices are open?",
    "Summarise yesterday's tickets.",
    "Which deployments failed this week?",
    "Wie ist das Wetter in Zürich?",
    "Draft a reply to the customer in plain words.",
)


class Caller:
    """The client side of a conversation: grants every permission, leaves what it is told to the console."""

    async def session_update(self, **_: Any) -> None: ...

    async def request_permission(
        self, options: Sequence[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        chosen = AllowedOutcome(outcome="selected", option_id=options[0].option_id)
        return RequestPermissionResponse(outcome=chosen)


async def play(gateway_url: str, token: str, names: Sequence[str], pause: float = PAUSE_SECONDS) -> None:
    """Prompt one container after another, without end. That one of them fails is part of the show."""
    visits = zip(itertools.cycle(names), itertools.cycle(QUESTIONS), strict=False)
    for name, question in visits:
        await asyncio.sleep(pause)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await ask(f"{gateway_url}/acp/{name}", token, question)
        except (OSError, TimeoutError, RequestError, WebSocketException) as problem:
            log.info("%s gave no answer: %s: %s", name, type(problem).__name__, problem)


async def ask(url: str, token: str, question: str) -> str:
    """Hold one conversation at a caller's endpoint and return why the agent stopped.

    Raises:
        OSError, WebSocketException: The gateway is not there, refuses the token, or the socket is lost.
        RequestError: The agent or the gateway answered with an error.
    """
    stream = await create_websocket_stream(url, headers={"Authorization": f"Bearer {token}"})
    # The SDK's router answers -32601 for what a client lacks, so that it need not have every method.
    async with connect_to_agent(cast("Client", Caller()), stream) as agent:
        caller = Implementation(name="demo-traffic", title="Demo traffic", version="1")
        await agent.initialize(protocol_version=PROTOCOL_VERSION, client_info=caller)
        session = await agent.new_session(cwd="/workspace", mcp_servers=[])
        answer = await agent.prompt(prompt=[text_block(question)], session_id=session.session_id)
    return answer.stop_reason
