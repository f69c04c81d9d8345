"""WebSocket frames that break the rules, as bytes, and the close codes they deserve (RFC 6455, 7.4.1)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
MIB = 1024 * 1024
LARGEST = 16 * MIB
"""Bytes of a frame that are accepted (wire.md, Transport)."""
WINDOW_BITS = -12
"""Raw deflate with the window that the library `websockets` promises as a server (RFC 7692, 7.1.2.1)."""
FIN, RSV1, RSV2, MASKED = 0x80, 0x40, 0x20, 0x80
TEXT, CONTINUATION, UNKNOWN, PING = 0x1, 0x0, 0x3, 0x9


class Breach(NamedTuple):
    """What is sent, and the code with which the other side must close."""

    data: bytes
    code: int


def frame(first: int, payload: bytes, *, masked: bool = False, length: int | None = None) -> bytes:
    """Build a frame; `length` is what its header claims, where that is not the truth."""
    claimed = len(payload) if length is None else length
    bit = MASKED if masked else 0
    if claimed < 126:
        header = struct.pack("!BB", first, bit | claimed)
    elif claimed < 2**16:
        header = struct.pack("!BBH", first, bit | 126, claimed)
    else:
        header = struct.pack("!BBQ", first, bit | 127, claimed)
    return header + (bytes(4) if masked else b"") + payload  # a mask of zeros changes nothing


def bomb(size: int, *, masked: bool = False) -> bytes:
    """Build a compressed text frame that grows to `size` bytes: a thousand times what is sent."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, WINDOW_BITS)
    spaces = b" " * MIB
    parts: Iterable[bytes] = (deflate.compress(spaces) for _ in range(size // MIB))
    payload = b"".join(parts) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return frame(FIN | RSV1 | TEXT, payload.removesuffix(b"\x00\x00\xff\xff"), masked=masked)


def breaches(*, masked: bool) -> dict[str, Breach]:
    """Give the breaches of either side: a client's frames are masked, a server's are not."""
    text = FIN | TEXT
    return {
        "reserved bit": Breach(frame(text | RSV2, b"{}", masked=masked), PROTOCOL_ERROR),
        "unknown opcode": Breach(frame(FIN | UNKNOWN, b"{}", masked=masked), PROTOCOL_ERROR),
        "continuation of nothing": Breach(frame(FIN | CONTINUATION, b"{}", masked=masked), PROTOCOL_ERROR),
        "ping in parts": Breach(frame(PING, b"", masked=masked), PROTOCOL_ERROR),
        "long ping": Breach(frame(FIN | PING, bytes(126), masked=masked), PROTOCOL_ERROR),
        "wrong masking": Breach(frame(text, b"{}", masked=not masked), PROTOCOL_ERROR),
        "not UTF-8": Breach(frame(text, b'{"\xff\xfe":1}', masked=masked), NOT_UTF8),
        "half a surrogate pair": Breach(frame(text, b'{"\xed\xa0\xbd":1}', masked=masked), NOT_UTF8),
        "too big by its header": Breach(frame(text, b"[", masked=masked, length=LARGEST + 1), TOO_BIG),
        "too big in parts": Breach(
            frame(TEXT, b"[" + b" " * (LARGEST - 1), masked=masked)
            + frame(FIN | CONTINUATION, b"  ", masked=masked),
            TOO_BIG,
        ),
    }
