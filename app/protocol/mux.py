"""Many callers, one connection: whose frame goes to whom, under which id, and how it is recorded.

The container sees one client; each caller sees an agent of its own. Ids of different callers must not meet,
so every request gets a number of the multiplexer's on its way, and its own id back with the answer. No I/O
here: texts go in, messages come out, and the gateway delivers what they say once they are committed.
"""

from __future__ import annotations

from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from app.protocol import frames
from app.protocol.frames import RpcKind
from app.protocol.handshake import PROTOCOL_VERSION
from app.protocol.legacy import to_legacy
from app.protocol.message import CONTAINER, GATEWAY, Delivery, Message
from app.protocol.pairing import OpenRequest
from app.protocol.records import Records
from app.protocol.routing import Routing
from app.protocol.states import Direction, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from app.protocol.frames import Frame
    from app.protocol.handshake import Negotiated
    from app.protocol.sessions import HeldSession
    from app.protocol.states import MessageType

__all__ = ["CONTAINER", "GATEWAY", "Delivery", "Message", "Multiplexer", "OpenRequest"]

_CANCEL_REQUEST: Final = "$/cancel_request"
_NOBODY: Final = "no caller is there to answer this"


class Multiplexer:
    """The state of one container's connection and of the callers that share it.

    It outlives reconnects and changes of protocol, and so do the callers. A caller is known by a key that is
    never used again; a frame of a key that has not joined is a KeyError.
    """

    def __init__(self, *, clock: Callable[[], float], new_id: Callable[[], UUID]) -> None:
        """Take a monotonic clock, in seconds, and a maker of time-ordered ids."""
        self._records = Records(clock=clock, new_id=new_id)
        self._routing = Routing()
        self._numbers = count(1)
        self._agent_numbers = count(1)
        self._protocol = Protocol.ACP
        self._negotiated: Negotiated | None = None
        self._reason = "the container is not connected yet"

    @property
    def open_requests(self) -> Sequence[OpenRequest]:
        """Every request that waits for its answer, in either direction, the oldest first."""
        return tuple(self._routing.open)

    @property
    def busy(self) -> bool:
        """Whether a request of a caller or of the agent waits for its answer."""
        return self._routing.open.of_others > 0

    @property
    def callers(self) -> Mapping[str, str]:
        """Labels of the callers that are there, by key."""
        return MappingProxyType(self._routing.callers)

    @property
    def sessions(self) -> list[str]:
        """Ids of the sessions of the callers that are there."""
        return self._routing.sessions

    @property
    def held_sessions(self) -> Sequence[HeldSession]:
        """The same sessions, with what each was made with: for another connection to take them up."""
        return self._routing.held_sessions

    def knows(self, session_id: str) -> bool:
        """Tell whether anybody was seen with a session, be they gone by now."""
        return self._routing.knows(session_id)

    @property
    def given(self) -> int:
        """Grows whenever a session is given to a caller."""
        return self._routing.given

    def join(self, key: str, label: str) -> None:
        """Let a caller in."""
        if key in self._routing.callers:
            raise ValueError(f"the key {key!r} is taken")
        self._routing.callers[key] = label

    def leave(self, key: str) -> list[Message]:
        """Let a caller go: what it owes the agent gets a proper answer, what it asked is no longer wanted."""
        del self._routing.callers[key]
        for asked in self._routing.open:
            if asked.asker == key:
                asked.wanted = False
        owed = self._routing.open.owed_by(key)
        for asked in owed:
            self._routing.open.close(asked)
        return [self._refuse(asked) for asked in owed]

    def online(self, protocol: Protocol, negotiated: Negotiated) -> None:
        """Let frames flow: the handshake is done."""
        self._protocol = protocol
        self._negotiated = negotiated

    def offline(self, reason: str) -> list[Message]:
        """Stop the flow: every open request is unanswered, and further ones are refused with the reason."""
        self._negotiated = None
        self._reason = reason
        return [self._records.unanswered(asked, reason) for asked in self._routing.drop_open()]

    def fail(self, request: UUID, reason: str) -> list[Message]:
        """Give up on one request to the container, by its record's id; nothing if it has been answered."""
        asked = self._routing.open.by_message(request)
        if asked is None:
            return []
        self._routing.open.close(asked)
        message = self._records.unanswered(asked, reason)
        self._routing.settle(asked, message.frame)
        return [message]

    def own_request(self, method: str, params: Any) -> Message:
        """Ask the container something for the gateway; the answer is delivered to GATEWAY."""
        frame = frames.request(self._next_number(), method, params)
        return self._ask(GATEWAY, frame, frame)

    def note(
        self,
        message_type: MessageType,
        direction: Direction,
        payload: Mapping[str, Any],
        *,
        error_message: str | None = None,
    ) -> Message:
        """Record a fact of the transport: a handshake, a close."""
        return self._records.note(message_type, direction, payload, error_message)

    def from_caller(self, key: str, text: str) -> list[Message]:
        """Take a text frame from a caller."""
        frame = frames.parse(text)
        match frame.kind:
            case RpcKind.REQUEST:
                return self._request_from_caller(key, frame)
            case RpcKind.NOTIFICATION:
                return [self._notification_from_caller(key, frame)]
            case RpcKind.RESPONSE | RpcKind.ERROR:
                return [self._answer_from_caller(key, frame)]
            case _:
                return [self._broken_from_caller(key, frame)]

    def from_container(self, text: str) -> list[Message]:
        """Take a text frame from the container."""
        frame = frames.parse(text)
        match frame.kind:
            case RpcKind.REQUEST:
                return self._request_from_container(frame)
            case RpcKind.NOTIFICATION:
                return [self._notification_from_container(frame)]
            case RpcKind.RESPONSE | RpcKind.ERROR:
                return [self._answer_from_container(frame)]
            case _:
                return [self._records.stranded(Direction.INBOUND, frame)]

    def _request_from_caller(self, key: str, frame: Frame) -> list[Message]:
        if self._negotiated is None:
            return self._answer_here(
                key, frame, frames.error(_id(frame), frames.INTERNAL_ERROR, self._reason)
            )
        if frame.method == "initialize":
            result = {**self._negotiated.result, "protocolVersion": PROTOCOL_VERSION}
            return self._answer_here(key, frame, frames.result(_id(frame), result))
        onward = frames.with_id(frame, self._next_number())
        return [self._ask(key, frame, onward, label=self._label(key))]

    def _ask(self, asker: str, frame: Frame, onward: Frame, *, label: str | None = None) -> Message:
        """Send a request on to the container and wait for its answer."""
        message = self._records.frame(
            Direction.OUTBOUND, onward, Delivery(CONTAINER, onward.text), caller=label
        )
        asked = self._opened(asker, CONTAINER, frame, onward, message)
        asked.settings = self._routing.settings(frame) if asker != GATEWAY else None
        asked.displaced = self._routing.claim(asker, frame) if asker != GATEWAY else None
        self._routing.open.add(asked)
        return message

    def _opened(
        self, asker: str, answerer: str, frame: Frame, onward: Frame, message: Message
    ) -> OpenRequest:
        return OpenRequest(
            asker=asker,
            answerer=answerer,
            raw_id=_id(frame),
            wire_id=_id(onward),
            message_id=message.id,
            message_type=message.message_type,
            method=frame.method or "",
            session_id=frame.session_id,
            since=self._records.now(),
            caller=message.caller,
        )

    def _answer_here(self, key: str, frame: Frame, answer: Frame) -> list[Message]:
        asked = self._records.frame(Direction.OUTBOUND, frame, caller=self._label(key), local=True)
        return [asked, self._records.local_answer(asked, answer, key)]

    def _notification_from_caller(self, key: str, frame: Frame) -> Message:
        label = self._label(key)
        onward = self._onward(key, frame) if self._negotiated is not None else None
        if onward is None:
            return self._records.stranded(Direction.OUTBOUND, frame, caller=label, local=True)
        if onward.kind is RpcKind.REQUEST:
            return self._ask(GATEWAY, onward, onward, label=label)
        self._routing.claim(key, frame)
        return self._records.frame(Direction.OUTBOUND, onward, Delivery(CONTAINER, onward.text), caller=label)

    def _onward(self, key: str, frame: Frame) -> Frame | None:
        """Return a caller's notification as the container is to read it, None if it means nothing there."""
        if frame.method == _CANCEL_REQUEST:
            asked = self._routing.open.asked(key, frames.requested_id(frame))
            return frames.with_requested_id(frame, asked.wire_id) if asked else None
        return to_legacy(frame, self._next_number) if self._protocol is Protocol.HTTP else frame

    def _answer_from_caller(self, key: str, frame: Frame) -> Message:
        asked = self._routing.open.answered(key, frame.id)
        if asked is None:
            return self._records.stranded(Direction.OUTBOUND, frame, caller=self._label(key), local=True)
        onward = frames.with_id(frame, asked.raw_id)
        return self._records.answer(asked, onward, Delivery(CONTAINER, onward.text))

    def _broken_from_caller(self, key: str, frame: Frame) -> Message:
        answer = frames.error(_id(frame), frame.code or frames.INVALID_REQUEST, frame.problem or "invalid")
        message = self._records.stranded(Direction.OUTBOUND, frame, caller=self._label(key), local=True)
        message.deliveries = (Delivery(key, answer.text),)
        return message

    def _request_from_container(self, frame: Frame) -> list[Message]:
        taker = self._routing.taker(frame)
        if taker is None:
            message = self._records.stranded(Direction.INBOUND, frame)
            return [message, self._refuse(self._opened(CONTAINER, GATEWAY, frame, frame, message))]
        onward = frames.with_id(frame, str(next(self._agent_numbers)))
        label = self._label(taker)
        message = self._records.frame(Direction.INBOUND, frame, Delivery(taker, onward.text), caller=label)
        self._routing.open.add(self._opened(CONTAINER, taker, frame, onward, message))
        return [message]

    def _refuse(self, asked: OpenRequest) -> Message:
        """Answer the agent in place of a caller that is not there."""
        if asked.method == "session/request_permission":
            answer = frames.result(asked.raw_id, {"outcome": {"outcome": "cancelled"}})
        else:
            answer = frames.error(asked.raw_id, frames.METHOD_NOT_FOUND, _NOBODY)
        return self._records.answer(asked, answer, Delivery(CONTAINER, answer.text))

    def _notification_from_container(self, frame: Frame) -> Message:
        deliveries = self._audience(frame)
        if not deliveries and not self._routing.hold(frame):
            return self._records.stranded(Direction.INBOUND, frame)
        caller = self._label(deliveries[0].to) if len(deliveries) == 1 else None
        return self._records.frame(Direction.INBOUND, frame, *deliveries, caller=caller)

    def _audience(self, frame: Frame) -> list[Delivery]:
        if frame.method == _CANCEL_REQUEST:
            asked = self._routing.open.asked(CONTAINER, frames.requested_id(frame))
            return (
                [Delivery(asked.answerer, frames.with_requested_id(frame, asked.wire_id).text)]
                if asked
                else []
            )
        if frame.session_id is None:
            return [Delivery(key, frame.text) for key in self._routing.callers]
        owner = self._routing.owner(frame.session_id)
        return [Delivery(owner, frame.text)] if owner is not None else []

    def _answer_from_container(self, frame: Frame) -> Message:
        asked = self._routing.open.answered(CONTAINER, frame.id)
        if asked is None:
            return self._records.stranded(Direction.INBOUND, frame)
        late = self._routing.settle(asked, frame)
        texts = [frames.with_id(frame, asked.raw_id).text, *late] if asked.wanted else []
        deliveries = [Delivery(asked.asker, text) for text in texts]
        return self._records.answer(asked, frame, *deliveries, processed=bool(deliveries))

    def _label(self, key: str) -> str:
        return self._routing.callers[key]

    def _next_number(self) -> str:
        return str(next(self._numbers))


def _id(frame: Frame) -> str:
    return frame.id or "null"
