"""Taking over what a gateway left that did not stop cleanly: connections, and requests open on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol import frames
from app.protocol.endings import Ending
from app.protocol.states import ConnectionStatus, Direction, MessageType
from app.services.adoptions import REASON

if TYPE_CHECKING:
    from app.gateway.channel import Channel
    from app.gateway.ledger import Ledger
    from app.models import AcpMessage
    from app.protocol.message import Message


async def adopt(ledger: Ledger, channel: Channel) -> None:
    """Take over what is active, and record its end and the answers that will not come."""
    for book, status, unanswered in await ledger.adopt():
        notes = [_unanswered(channel, each) for each in unanswered]
        if status is ConnectionStatus.CONNECTED:
            payload = {"code": Ending.GATEWAY_GONE.code, "reason": REASON, "by": Ending.GATEWAY_GONE.by}
            notes.append(channel.mux.note(MessageType.DISCONNECT, Direction.OUTBOUND, payload))
        if status is not ConnectionStatus.DISCONNECTED:
            channel.book = book
        channel.record(notes, book=book)


def _unanswered(channel: Channel, request: AcpMessage) -> Message:
    """Record that a request of before will not be answered; who asked it is gone with its gateway."""
    direction = Direction(request.direction).opposite
    note = channel.mux.note(MessageType(request.message_type), direction, {}, error_message=REASON)
    note.rpc_kind = frames.RpcKind.UNANSWERED
    note.frame = frames.error(request.rpc_id or "null", frames.INTERNAL_ERROR, REASON)
    note.method, note.session_id = request.method, request.acp_session_id
    note.reply_to = request.id
    return note
