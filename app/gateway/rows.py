"""A message as a row of `acp_message`, encoded for PostgreSQL's COPY BINARY.

It is encoded here, in one pass, because the recorder's speed depends on it: what psycopg would be given as
nineteen Python objects is one `bytes`. The format is that of "COPY", "Binary Format", in
PostgreSQL's manual: each field is its length in four bytes, -1 for NULL, and its value in network order.
"""

from __future__ import annotations

import time
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final

from app.protocol.redaction import redact, redact_text

if TYPE_CHECKING:
    import uuid

    from app.gateway.batch import Lease
    from app.gateway.gaps import Gap
    from app.protocol.message import Message

COLUMNS: Final = (
    *("seq", "id", "connection_id", "timestamp", "size", "processed", "error", "local"),
    *("direction", "message_type", "rpc_kind", "payload"),
    *("method", "rpc_id", "acp_session_id", "caller", "reply_to", "processing_time", "error_message"),
)
"""In the order in which `encoded` writes them: those of a fixed size first."""
LONGEST_NAME: Final = 200
"""Characters kept of a method, an id or a session id: strangers choose them, and lists show them."""
LONGEST_REASON: Final = 2000
LARGEST_INTEGER: Final = 2**31 - 1

_HEAD: Final = Struct("!hiq")  # how many fields, and the first of them, seq
_FIXED: Final = Struct("!i16s i16s iq ii i? i? i?")  # id to local
_ID: Final = slice(4, 20)
_WORDS: Final = 3
_LENGTH: Final = Struct("!i")
_INT: Final = Struct("!ii")
_UUID: Final = Struct("!i16s")
_NULL: Final = _LENGTH.pack(-1)
_JSONB: Final = b"\x01"  # the version that a jsonb's text begins with
_EPOCH: Final = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000-01-01 (Unix: from 1970)
_CACHED: Final = 64
"""Methods, sessions and callers repeat from frame to frame, and are shorter than this many characters."""
_UNSTORABLE: Final = '"«payload that PostgreSQL could not store; it was relayed as it came»"'.encode()


class Book:
    """The records of one connection, written under one lease. Their numbers, `seq`, are the batch's to give.

    Batches count by it, so it is found by identity, and keeps the ids as the text that they need.
    """

    def __init__(self, lease: Lease, connection_id: uuid.UUID) -> None:
        self.lease = lease
        self.connection_id = connection_id
        self.container_text = str(lease.container_id)
        self.connection_text = str(connection_id)
        self.gap: Gap | None = None
        """What has been dropped since the last record, if anything."""
        self._id = connection_id.bytes

    def row(self, message: Message) -> bytes:
        """Return a message's row but for its number, redacted, with the present time as its timestamp."""
        frame = message.frame
        return encoded(
            # An empty text frame has a size too; the data model wants a positive one.
            _FIXED.pack(
                *(16, message.id.bytes, 16, self._id, 8, time.time_ns() // 1000 - _EPOCH),
                *(4, frame.size or 1, 1, message.processed, 1, message.error, 1, message.local),
            ),
            _words(message.direction, message.message_type, message.rpc_kind),
            redact(frame, message.method),
            _name(message.method),
            _name(frame.id),
            _name(message.session_id),
            _name(message.caller),
            _NULL if message.reply_to is None else _UUID.pack(16, message.reply_to.bytes),
            _NULL
            if message.processing_time is None
            else _INT.pack(4, min(message.processing_time, LARGEST_INTEGER)),
            _NULL if message.error_message is None else _text(reason(message.error_message)),
        )


def encoded(fixed: bytes, words: bytes, payload: bytes, *rest: bytes) -> bytes:
    """Put a row together; all but the payload are encoded fields."""
    return b"".join((fixed, words, _LENGTH.pack(len(payload) + 1), _JSONB, payload, *rest))


def numbered(row: bytes, seq: int) -> tuple[bytes, bytes]:
    """Return the two parts of a row as COPY takes it, with its number."""
    return _HEAD.pack(len(COLUMNS), 8, seq), row


def id_of(row: bytes) -> bytes:
    """Return a row's id, as the 16 bytes of a UUID."""
    return row[_ID]


def without_payload(row: bytes) -> bytes:
    """Return the row with a marker in its payload's place."""
    return with_payload(row, _UNSTORABLE)


def with_payload(row: bytes, payload: bytes) -> bytes:
    """Return the row with another payload, JSON in UTF-8."""
    start = _FIXED.size
    for _ in range(_WORDS):
        start = _after(row, start)
    end = _after(row, start)
    return encoded(row[: _FIXED.size], row[_FIXED.size : start], payload, row[end:])


def reason(text: str) -> str:
    """Make of an error's text, which may quote a stranger, what can be stored and shown."""
    return storable(redact_text(text), LONGEST_REASON)


def storable(text: str, longest: int) -> str:
    """Cut a stranger's text and replace what PostgreSQL's text cannot hold: NUL, and halves of surrogates."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("\x00", "␀").encode("utf-8", "replace").decode()


def _after(row: bytes, start: int) -> int:
    """Return where the field after the one at `start` begins."""
    (length,) = _LENGTH.unpack_from(row, start)
    return start + _LENGTH.size + int(length)


def _text(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


@lru_cache(maxsize=256)
def _words(direction: str, message_type: str, rpc_kind: str) -> bytes:
    return b"".join(map(_text, (direction, message_type, rpc_kind)))


def _name(text: str | None) -> bytes:
    if text is None:
        return _NULL
    return _short_name(text) if len(text) <= _CACHED else _text(storable(text, LONGEST_NAME))


@lru_cache(maxsize=4096)
def _short_name(text: str) -> bytes:
    return _text(storable(text, LONGEST_NAME))
