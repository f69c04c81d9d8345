"""One prompt being worked on, in the words that the demo agents' scripts use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from acp.helpers import (
    plan_entry,
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_plan,
    update_tool_call,
)
from acp.schema import AllowedOutcome, PermissionOption, ToolCallUpdate, UsageUpdate

if TYPE_CHECKING:
    from acp.helpers import SessionUpdate
    from acp.schema import PlanEntryStatus, RequestPermissionResponse

    Update = SessionUpdate | UsageUpdate  # the SDK's union has not caught up with its own schema

CONTEXT_WINDOW = 200_000  # tokens; what most of today's models have, so that the gauge looks familiar
ALLOW, REJECT = "allow", "reject"
PERMISSION_OPTIONS = [
    PermissionOption(option_id=ALLOW, name="Allow once", kind="allow_once"),
    PermissionOption(option_id=REJECT, name="Reject", kind="reject_once"),
]


class Listener(Protocol):
    """Who hears what an agent says while it works: an ACP client, or the body of an HTTP response."""

    async def session_update(self, session_id: str, update: Update) -> None: ...

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption]
    ) -> RequestPermissionResponse: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked in which session, and the ways to answer; `said` keeps the answer's text."""

    listener: Listener
    session_id: str
    text: str
    pace: float
    said: list[str] = field(default_factory=list)

    async def tell(self, update: Update) -> None:
        await self.listener.session_update(self.session_id, update)

    async def say(self, text: str) -> None:
        self.said.append(text)
        await self.tell(update_agent_message_text(text))

    async def think(self, text: str) -> None:
        await self.tell(update_agent_thought_text(text))

    async def plan(self, *steps: tuple[str, PlanEntryStatus]) -> None:
        await self.tell(update_plan([plan_entry(what, status=status) for what, status in steps]))

    async def use_tool(self, title: str, query: str, output: str) -> bool:
        """Call a tool after asking for permission; tell whether it was granted."""
        call = f"call_{uuid4().hex[:12]}"
        await self.tell(
            start_tool_call(call, title, kind="search", status="pending", raw_input={"query": query})
        )
        granted = await self._may(call, title)
        content = [tool_content(text_block(output))] if granted else None
        await self.tell(update_tool_call(call, status="completed" if granted else "failed", content=content))
        return granted

    async def use_context(self, tokens: int) -> None:
        await self.tell(UsageUpdate(session_update="usage_update", used=tokens, size=CONTEXT_WINDOW))

    async def _may(self, call: str, title: str) -> bool:
        question = ToolCallUpdate(tool_call_id=call, title=title, status="pending")
        answer = await self.listener.request_permission(self.session_id, question, PERMISSION_OPTIONS)
        return isinstance(answer.outcome, AllowedOutcome) and answer.outcome.option_id == ALLOW


Script = Callable[[Turn], Awaitable[None]]
