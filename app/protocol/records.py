"""Making the records of what passes the multiplexer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.protocol.classify import PING_METHOD, classify
from app.protocol.frames import INTERNAL_ERROR, Frame, RpcKind, error, error_text
from app.protocol.message import CONTAINER, Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from app.protocol.pairing import OpenRequest
    from app.protocol.states import Direction, MessageType


class Records:
    """Makes messages with the ids and the clock that it is given."""

    def __init__(self, *, clock: Callable[[], float], new_id: Callable[[], UUID]) -> None:
        self._clock = clock
        self._new_id = new_id

    def now(self) -> float:
        """Read the clock, in seconds."""
        return self._clock()

    def frame(
        self,
        direction: Direction,
        frame: Frame,
        *deliveries: Delivery,
        caller: str | None = None,
        local: bool = False,
    ) -> Message:
        """Record a frame that answers nothing."""
        return Message(  # not by _message: nearly every frame comes this way
            id=self._new_id(),
            direction=direction,
            message_type=classify(frame),
            rpc_kind=frame.kind,
            frame=frame,
            method=frame.method,
            session_id=frame.session_id,
            caller=caller,
            local=local,
            deliveries=deliveries,
        )

    def stranded(
        self, direction: Direction, frame: Frame, *, caller: str | None = None, local: bool = False
    ) -> Message:
        """Record a frame that nobody takes: broken, unroutable, or the answer to nothing."""
        message = self.frame(direction, frame, caller=caller, local=local)
        message.processed = False
        if frame.kind is RpcKind.INVALID:
            message.error, message.error_message = True, frame.problem
        return message

    def answer(
        self, asked: OpenRequest, frame: Frame, *deliveries: Delivery, processed: bool = True
    ) -> Message:
        """Record the answer to an open request."""
        return self._message(
            asked.direction.opposite,
            asked.message_type,
            frame,
            deliveries,
            method=asked.method,
            session_id=asked.session_id or frame.session_id,
            reply_to=asked.message_id,
            processing_time=self._waited(asked),
            processed=processed,
            caller=asked.caller,
            **_failure(frame, asked.method),
        )

    def unanswered(self, asked: OpenRequest, reason: str) -> Message:
        """Record that the answer to an open request will not come; who asked is told so."""
        told = asked.wanted and asked.asker != CONTAINER
        note = error(asked.raw_id, INTERNAL_ERROR, reason)
        message = self.answer(
            asked,
            error(asked.container_id, INTERNAL_ERROR, reason),
            *((Delivery(asked.asker, note.text),) if told else ()),
        )
        return msgspec.structs.replace(message, rpc_kind=RpcKind.UNANSWERED, error=True, error_message=reason)

    def local_answer(self, request: Message, frame: Frame, key: str, **fields: Any) -> Message:
        """Record the gateway's own answer to a caller's request, which the container never saw."""
        return self._message(
            request.direction.opposite,
            request.message_type,
            frame,
            (Delivery(key, frame.text),),
            method=request.method,
            session_id=request.session_id or frame.session_id,
            reply_to=request.id,
            caller=request.caller,
            local=True,
            **fields,
            **_failure(frame, request.frame.method),
        )

    def note(
        self,
        message_type: MessageType,
        direction: Direction,
        payload: Mapping[str, Any],
        error_message: str | None,
    ) -> Message:
        """Record a fact of the transport, of which `payload` is the JSON."""
        text = msgspec.json.encode(payload).decode()
        frame = Frame(text=text, kind=RpcKind.TRANSPORT, size=len(text.encode()))
        failed = error_message is not None
        return self._message(direction, message_type, frame, (), error=failed, error_message=error_message)

    def _message(
        self,
        direction: Direction,
        message_type: MessageType,
        frame: Frame,
        deliveries: tuple[Delivery, ...],
        **fields: Any,
    ) -> Message:
        return Message(
            id=self._new_id(),
            direction=direction,
            message_type=message_type,
            rpc_kind=frame.kind,
            frame=frame,
            deliveries=deliveries,
            **{"method": frame.method, "session_id": frame.session_id, **fields},
        )

    def _waited(self, asked: OpenRequest) -> int:
        return round((self._clock() - asked.since) * 1000)


def _failure(frame: Frame, method: str | None) -> dict[str, Any]:
    """Mark an error response as failed, save for the health ping's: an error is its usual answer."""
    if frame.kind is not RpcKind.ERROR or method == PING_METHOD:
        return {}
    return {"error": True, "error_message": error_text(frame)}
