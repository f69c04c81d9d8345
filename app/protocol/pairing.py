"""Requests that wait for their answer, found by who answers and the id that was put on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.protocol.message import CONTAINER, GATEWAY
from app.protocol.states import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from app.protocol.states import MessageType


class OpenRequest(msgspec.Struct, kw_only=True):
    """A request that was sent on and not answered yet.

    `raw_id` is the id that the asker gave it, `wire_id` the one that the answerer knows it by. `since` is a
    reading of the multiplexer's clock, in seconds. `wanted` is False once nobody waits for the answer.
    `displaced` is the caller that a `session/load` took the session from, `settings` what a session is made
    with, where the request makes or takes up one.
    """

    asker: str
    answerer: str
    raw_id: str
    wire_id: str
    message_id: UUID
    message_type: MessageType
    method: str
    session_id: str | None
    since: float
    caller: str | None
    wanted: bool = True
    displaced: str | None = None
    settings: Mapping[str, msgspec.Raw] | None = None

    @property
    def direction(self) -> Direction:
        """The direction of the request; its answer goes the opposite way."""
        return Direction.INBOUND if self.asker == CONTAINER else Direction.OUTBOUND

    @property
    def container_id(self) -> str:
        """The raw id by which the container knows the request."""
        return self.raw_id if self.asker == CONTAINER else self.wire_id


class OpenRequests:
    """All open requests of one container, in the order in which they were asked."""

    def __init__(self) -> None:
        self._by_wire: dict[tuple[str, str], OpenRequest] = {}
        self.of_others = 0
        """How many of them are not the gateway's own."""

    def __iter__(self) -> Iterator[OpenRequest]:
        return iter(self._by_wire.values())

    def add(self, request: OpenRequest) -> None:
        """Wait for the answer to a request; no two of one answerer share a wire id."""
        self._by_wire[request.answerer, request.wire_id] = request
        self.of_others += request.asker != GATEWAY

    def answered(self, answerer: str, wire_id: str | None) -> OpenRequest | None:
        """Take out the request that an answer belongs to, or return None if nobody waits for it."""
        request = self._by_wire.pop((answerer, wire_id), None) if wire_id is not None else None
        if request is not None:
            self.of_others -= request.asker != GATEWAY
        return request

    def close(self, request: OpenRequest) -> None:
        """Take out a request that will not be answered."""
        self.answered(request.answerer, request.wire_id)

    def asked(self, asker: str, raw_id: str | None) -> OpenRequest | None:
        """Find an open request by the id its asker gave it; of several with one id, the latest."""
        own = (open_ for open_ in reversed(self._by_wire.values()) if open_.wanted and open_.asker == asker)
        return next((open_ for open_ in own if open_.raw_id == raw_id), None)

    def by_message(self, message_id: UUID) -> OpenRequest | None:
        """Find an open request by the record of it."""
        return next((open_ for open_ in self if open_.message_id == message_id), None)

    def owed_by(self, answerer: str) -> list[OpenRequest]:
        """List what one party has not answered yet."""
        return [open_ for open_ in self if open_.answerer == answerer]
