"""Which of the data model's six message types a frame has: wire.md's rules as data, the first that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.protocol.rpc import RpcKind
from app.protocol.states import MessageType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.protocol.rpc import Frame

PING_METHOD: Final = "_console/ping"
"""The health ping: no agent knows it, so any answer, -32601 included, shows that the agent is alive."""

# Rule 2, `disconnect`, has no frame: the gateway notes it when a connection ends.
TYPE_OF_METHOD: Final[Mapping[str, MessageType]] = {
    "initialize": MessageType.CONNECT,
    "session/prompt": MessageType.MESSAGE,
    "_auth/status_update": MessageType.STATUS,
    PING_METHOD: MessageType.STATUS,
    "session/cancel": MessageType.COMMAND,
    "$/cancel_request": MessageType.COMMAND,
}
TYPE_OF_UPDATE: Final[Mapping[str, MessageType]] = {
    "usage_update": MessageType.STATUS,
    "current_mode_update": MessageType.STATUS,
    "config_option_update": MessageType.STATUS,
    "session_info_update": MessageType.STATUS,
}


def classify(frame: Frame, answered: MessageType | None = None) -> MessageType:
    """Give a frame its message type; no rule looks at the direction.

    Args:
        frame: any parsed frame.
        answered: the type of the request that a response answers, None where there is no such request.
    """
    if frame.kind in (RpcKind.RESPONSE, RpcKind.ERROR):
        return answered or MessageType.EVENT
    if frame.method == "session/update" and frame.update is not None:
        return _type_of_update(frame.update)
    by_method = TYPE_OF_METHOD.get(frame.method or "")
    if by_method is not None:
        return by_method
    return MessageType.COMMAND if frame.kind is RpcKind.REQUEST else MessageType.EVENT


def _type_of_update(update: str) -> MessageType:
    if "_message" in update or "_thought" in update:
        return MessageType.MESSAGE
    return TYPE_OF_UPDATE.get(update, MessageType.EVENT)
