"""What a stored reason or record means, for the pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from app.protocol.endings import PEER
from app.protocol.explanations import TABLE, explain, of_close, of_rpc
from app.protocol.rpc import RpcKind
from app.protocol.states import MessageType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.models import AcpConnectionTransition, AcpMessage
    from app.protocol.explanations import Explanation

_WITH_CODE: Final = re.compile(r"(?s)(.*) \((-?[0-9]{1,9})\)")
"""How an error response is stored: its message and its code."""


def failure(text: str | None) -> Sequence[Explanation]:
    """Explain a stored reason or error: ours by its words, an agent's by the code at its end."""
    if (coded := _WITH_CODE.fullmatch(text or "")) is not None:
        return (*explain(coded[1]), of_rpc(int(coded[2])))
    return explain(text or "")


def end(transition: AcpConnectionTransition) -> Sequence[Explanation]:
    """Explain why a connection left a state; a peer's own words by the close code that came with them."""
    found = explain(transition.reason)
    if transition.close_code is not None and (not found or transition.closed_by == PEER):
        return tuple({each.code: each for each in (*found, of_close(transition.close_code))}.values())
    return found


def record(message: AcpMessage) -> Sequence[Explanation]:
    """Explain what is wrong with a record, if anything is; each explanation once."""
    return tuple({each.code: each for each in _of_record(message)}.values())


def _of_record(message: AcpMessage) -> Iterator[Explanation]:
    payload = message.payload
    if message.rpc_kind == RpcKind.UNANSWERED:
        yield TABLE["unanswered"]
    if message.message_type == MessageType.DISCONNECT and isinstance(payload, dict):
        yield from explain(str(payload.get("reason") or ""))
        if type(payload.get("code")) is int:
            yield of_close(payload["code"])
    yield from failure(message.error_message)
    if message.rpc_kind == RpcKind.ERROR:
        yield of_rpc(_code(payload))
    if message.rpc_kind == RpcKind.GAP:
        yield TABLE["gap"]
    if payload == TABLE["not-storable"].text:
        yield TABLE["not-storable"]
    if not message.processed:
        yield TABLE["undelivered"]


def _code(payload: Any) -> Any:
    error = payload.get("error") if isinstance(payload, dict) else None
    return error.get("code") if isinstance(error, dict) else None
