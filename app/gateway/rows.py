"""A message as a row of `acp_message`, in the order and the types of the recorder's COPY."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb

from app.protocol.redaction import redact, redact_text

if TYPE_CHECKING:
    import uuid

    from app.protocol.message import Message

COLUMNS: Final = {
    "id": "uuid",
    "connection_id": "uuid",
    "direction": "text",
    "message_type": "text",
    "payload": "jsonb",
    "timestamp": "timestamptz",
    "size": "int4",
    "processed": "bool",
    "processing_time": "int4",
    "error": "bool",
    "error_message": "text",
    "seq": "int8",
    "method": "text",
    "rpc_kind": "text",
    "rpc_id": "text",
    "acp_session_id": "text",
    "reply_to": "uuid",
    "caller": "text",
    "local": "bool",
}
LONGEST_NAME: Final = 200
"""Characters kept of a method, an id or a session id: strangers choose them, and lists show them."""
LONGEST_REASON: Final = 2000
LARGEST_INTEGER: Final = 2**31 - 1
CONNECTION_ID: Final = list(COLUMNS).index("connection_id")
SEQ: Final = list(COLUMNS).index("seq")
"""Where a row has its connection and its number."""
_PAYLOAD: Final = list(COLUMNS).index("payload")
_UNSTORABLE: Final = Jsonb("«payload that PostgreSQL could not store; it was relayed as it came»")


class Book:
    """The numbering of one connection's records, from 1 without a gap (data model beside: `seq`)."""

    def __init__(self, connection_id: uuid.UUID, last_seq: int) -> None:
        self.connection_id = connection_id
        self.last_seq = last_seq

    def row(self, message: Message) -> tuple[Any, ...]:
        """Number a message and return its row, redacted, with the present time as its timestamp."""
        self.last_seq += 1
        frame = message.frame
        return (
            message.id,
            self.connection_id,
            message.direction.value,
            message.message_type.value,
            Jsonb(redact(frame, message.method), dumps=bytes),
            dt.datetime.now(dt.UTC),
            max(frame.size, 1),  # an empty text frame; the data model wants a positive size
            message.processed,
            None if message.processing_time is None else min(message.processing_time, LARGEST_INTEGER),
            message.error,
            None if message.error_message is None else reason(message.error_message),
            self.last_seq,
            _name(message.method),
            message.rpc_kind.value,
            _name(frame.id),
            _name(message.session_id),
            message.reply_to,
            message.caller,
            message.local,
        )


def without_payload(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the row with a marker in its payload's place."""
    return (*row[:_PAYLOAD], _UNSTORABLE, *row[_PAYLOAD + 1 :])


def reason(text: str) -> str:
    """Make of an error's text, which may quote a stranger, what can be stored and shown."""
    return storable(redact_text(text), LONGEST_REASON)


def _name(text: str | None) -> str | None:
    return None if text is None else storable(text, LONGEST_NAME)


def storable(text: str, longest: int) -> str:
    """Cut a stranger's text and replace what PostgreSQL's text cannot hold: NUL, and halves of surrogates."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("\x00", "␀").encode("utf-8", "replace").decode()
