"""What the multiplexer hands out: records to be, and who gets which text once they are committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from uuid import UUID

    from app.protocol.rpc import Frame, RpcKind
    from app.protocol.states import Direction, MessageType

CONTAINER: Final = "container"
"""The container, as the address of a delivery and as the one who asks."""
GATEWAY: Final = "gateway"
"""The gateway itself, likewise."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A text for CONTAINER, GATEWAY or the caller with that key."""

    to: str
    text: str


class Message(msgspec.Struct, kw_only=True):
    """A row of `acp_message` to be; its deliveries wait until it is committed.

    `frame` is the frame on the container's side; an answer has the `method` and `session_id` of its request.
    `reply_to` is the id of the request that this answers, and `processing_time` the milliseconds that took.
    `processed` is False where nobody could take the frame.
    `local` frames went between a caller and the gateway only. `error_message` may quote the frame: redact it.
    """

    id: UUID
    direction: Direction
    message_type: MessageType
    rpc_kind: RpcKind
    frame: Frame
    method: str | None = None
    session_id: str | None = None
    reply_to: UUID | None = None
    processing_time: int | None = None
    processed: bool = True
    error: bool = False
    error_message: str | None = None
    caller: str | None = None
    local: bool = False
    deliveries: tuple[Delivery, ...] = ()
