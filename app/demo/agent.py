"""The agent that runs in every demo container, on the official SDK's agent side."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from acp.exceptions import RequestError
from acp.helpers import update_agent_message_text, update_user_message_text
from acp.meta import PROTOCOL_VERSION
from acp.schema import (
    AgentCapabilities,
    Implementation,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptResponse,
    TextContentBlock,
)

from app.demo.fleet import Refusal
from app.demo.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.demo.container import Container, Session
    from app.demo.turn import Listener

SDK_VERSION = version("agent-client-protocol")


class DemoAgent:
    """The methods an agent must have and `session/load`; the SDK's router answers the rest with -32601."""

    def __init__(self, container: Container, listener: Listener) -> None:
        self._container = container
        self._listener = listener

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        refusal = self._container.refuses
        if refusal is Refusal.ERROR:
            raise RequestError.internal_error({"details": "this agent does not want to talk"})
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION if refusal is None else protocol_version + 1,
            agent_capabilities=AgentCapabilities(load_session=True),
            agent_info=self.info(),
            auth_methods=[],
        )

    def info(self) -> Implementation:
        behaviour = self._container.behaviour
        return Implementation(name=f"demo-{behaviour.name}", title=behaviour.title, version=SDK_VERSION)

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        return NewSessionResponse(session_id=self._container.open_session(cwd).id)

    async def load_session(self, session_id: str, **_: Any) -> LoadSessionResponse:
        """Replay the conversation, as ACP asks, before answering."""
        for question, answer in self._container.session(session_id).history:
            await self._listener.session_update(session_id, update_user_message_text(question))
            await self._listener.session_update(session_id, update_agent_message_text(answer))
        return LoadSessionResponse()

    async def prompt(self, prompt: Sequence[object], session_id: str, **_: Any) -> PromptResponse:
        session = self._container.session(session_id)
        if session.running is not None:
            raise RequestError.invalid_request({"details": "this session is busy with another prompt"})
        text = "".join(block.text for block in prompt if isinstance(block, TextContentBlock))
        return await self._work(
            session, Turn(self._listener, session_id, text, self._container.behaviour.pace)
        )

    async def _work(self, session: Session, turn: Turn) -> PromptResponse:
        """Run the script in this task, so that a cancelled session and a lost connection end it alike."""
        running = session.running = asyncio.current_task()
        try:
            await self._container.behaviour.script(turn)
        except asyncio.CancelledError:
            if running is None or not session.cancelled:
                raise  # the connection is gone, or the server stops: nobody waits for an answer
            running.uncancel()
            return PromptResponse(stop_reason="cancelled")
        finally:
            session.running, session.cancelled = None, False
        session.history.append((turn.text, "".join(turn.said)))
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        self._container.session(session_id).cancel()
