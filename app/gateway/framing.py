"""WebSocket frames as bytes, without I/O: where they end, and the plain text (RFC 6455, section 5.2)."""

from __future__ import annotations

import os
from typing import Final

from websockets.frames import Opcode
from websockets.utils import apply_mask

WHOLE_TEXT: Final = 0x81
"""The first byte of a text in one frame: final, no extension's bit set."""
MASKED: Final = 0x80
"""Set in the second byte of a frame whose payload is masked."""
_OPCODE: Final = 0x0F
_OPCODES: Final = frozenset(Opcode)
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127
_KEY: Final = 4


def bounds(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at `start` begins and ends, None while its header is not whole.

    The end may lie beyond the data. A masked payload has its key in the four bytes before it.
    """
    header = start + 2
    if len(data) < header:
        return None
    size = data[start + 1]
    masked = size >= MASKED
    size &= MASKED - 1
    if size >= _TWO_BYTES:
        more = 2 if size == _TWO_BYTES else 8
        size = int.from_bytes(data[header : header + more])
        header += more
    if masked:
        header += _KEY
    return (header, header + size) if len(data) >= header else None


def is_wrong(data: bytes | bytearray, start: int, *, masked: bool) -> bool:
    """Tell whether two bytes are enough to refuse the frame at `start`, before the rest of it is there.

    Its opcode is none, or it is masked where it must not be, or not where it must.
    """
    second = start + 1
    if len(data) <= second:
        return False
    return data[start] & _OPCODE not in _OPCODES or (data[second] >= MASKED) is not masked


def payload(data: bytes | bytearray, body: int, stop: int, *, masked: bool) -> bytes | bytearray:
    """Return a frame's payload."""
    return apply_mask(data[body:stop], data[body - _KEY : body]) if masked else data[body:stop]


def text_frame(text: bytes, *, masked: bool) -> bytes:
    """Return a text as one frame; a client masks, with a key that nobody can foresee (section 5.3)."""
    size, mask = len(text), MASKED if masked else 0
    if size < _TWO_BYTES:
        header = bytes((WHOLE_TEXT, mask | size))
    elif size < 1 << 16:
        header = bytes((WHOLE_TEXT, mask | _TWO_BYTES, size >> 8, size & 0xFF))
    else:
        header = bytes((WHOLE_TEXT, mask | _EIGHT_BYTES)) + size.to_bytes(8)
    if not masked:
        return header + text
    key = os.urandom(_KEY)
    return header + key + apply_mask(text, key)
