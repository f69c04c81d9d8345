"""The old protocol, JSON-RPC over HTTP, version 0.3.1 (wire.md, "HTTP, the old protocol").

The same agent runs behind it. One call is one request and one answer in the body; what an ACP client would be
told on the way is gathered into the answer, and permission is granted, for there is nobody to ask.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from acp.agent.router import build_agent_router
from acp.exceptions import RequestError
from acp.schema import AgentMessageChunk, AllowedOutcome, RequestPermissionResponse, TextContentBlock
from pydantic import BaseModel, ValidationError

from app.demo.agent import DemoAgent

if TYPE_CHECKING:
    from acp.interfaces import Agent
    from acp.schema import PermissionOption, ToolCallUpdate

    from app.demo.container import Container
    from app.demo.turn import Update

VERSION = "0.3.1"
_SPOKEN = re.compile(r"0\.3\.\d+")
CREDENTIALS = ("anthropicApiKey", "githubToken")


class Body:
    """A listener that gathers an answer's text for the HTTP body."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def session_update(self, session_id: str, update: Update) -> None:  # noqa: ARG002 - one session
        if isinstance(update, AgentMessageChunk) and isinstance(update.content, TextContentBlock):
            self.texts.append(update.content.text)

    async def request_permission(
        self,
        session_id: str,  # noqa: ARG002 - the answer is the same in every session
        tool_call: ToolCallUpdate,  # noqa: ARG002 - and for every tool
        options: list[PermissionOption],
    ) -> RequestPermissionResponse:
        chosen = AllowedOutcome(outcome="selected", option_id=options[0].option_id)
        return RequestPermissionResponse(outcome=chosen)


async def answer(container: Container, body: bytes) -> tuple[int, dict[str, Any]]:
    """Answer one POST: the HTTP status and the JSON-RPC response. Notifications are answered too."""
    try:
        request = json.loads(body)
    except ValueError:
        return 400, _response(None, error=RequestError.parse_error())
    identifier = request.get("id") if isinstance(request, dict) else None
    try:
        return 200, _response(identifier, result=await _call(container, request))
    except RequestError as error:
        return 200, _response(identifier, error=error)
    except ValidationError as error:
        details = {"errors": error.errors(include_input=False, include_url=False)}
        return 200, _response(identifier, error=RequestError.invalid_params(details))


async def _call(container: Container, request: Any) -> dict[str, Any]:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise RequestError.invalid_request()
    method, params = request["method"], request.get("params")
    listener = Body()
    agent = DemoAgent(container, listener)
    if method == "initialize":
        return _initialize(agent, params)
    # The SDK's router answers -32601 for what an agent lacks, so that it need not have every method.
    route = build_agent_router(cast("Agent", agent))
    cancels = method == "cancel"
    result = await route("session/cancel" if cancels else method, params, cancels)
    answered = _plain(result) if isinstance(result, BaseModel) else result or {}
    if method == "session/prompt":
        answered["content"] = [{"type": "text", "text": "".join(listener.texts)}]
    return cast("dict[str, Any]", answered)


def _initialize(agent: DemoAgent, params: Any) -> dict[str, Any]:
    """Negotiate a string version and read the credentials; only their names are ever told."""
    offered = params.get("protocolVersion") if isinstance(params, dict) else None
    if not isinstance(offered, str) or not _SPOKEN.fullmatch(offered):
        raise RequestError.internal_error({"details": f'protocolVersion must be "0.3.x", not {offered!r}'})
    return {
        "protocolVersion": VERSION,
        "agentCapabilities": {"loadSession": True},
        "agentInfo": _plain(agent.info()),
        "authMethods": [],
        "_meta": {"credentials": [name for name in CREDENTIALS if params.get(name)]},
    }


def _plain(model: BaseModel) -> dict[str, Any]:
    """Dump as the SDK's own connection does."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)


def _response(
    identifier: Any, *, result: dict[str, Any] | None = None, error: RequestError | None = None
) -> dict[str, Any]:
    outcome = {"result": result} if error is None else {"error": error.to_error_obj()}
    return {"jsonrpc": "2.0", "id": identifier, **outcome}
