"""The words of JSON-RPC 2.0 as ACP speaks it: kinds of frames, error codes, and the frame itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

# JSON-RPC 2.0 section 5.1, and the three that ACP adds.
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
CANCELLED: Final = -32800
AUTHENTICATION_REQUIRED: Final = -32000
RESOURCE_NOT_FOUND: Final = -32002


class RpcKind(StrEnum):
    """What a frame is in JSON-RPC; `transport`, `unanswered` and `gap` are the gateway's own records."""

    REQUEST = "request"
    RESPONSE = "response"
    ERROR = "error"
    NOTIFICATION = "notification"
    INVALID = "invalid"
    TRANSPORT = "transport"
    UNANSWERED = "unanswered"
    GAP = "gap"


class Frame(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One text frame and what its envelope says.

    `id` is the raw JSON text of the id (`1`, `"1"`, `null`), so that ids of different types never meet;
    None when the frame has none. `problem` says what is wrong or odd about it, `code` is the JSON-RPC error
    that answers an invalid one. `size` counts UTF-8 bytes, at least 1.
    """

    text: str
    kind: RpcKind
    size: int
    id: str | None = None
    method: str | None = None
    session_id: str | None = None
    update: str | None = None
    problem: str | None = None
    code: int | None = None
