"""What the ledgers keep of a frame: enough to find it again in the records, and to tell two frames apart."""

from __future__ import annotations

import hashlib
import json
from typing import Any

Frame = dict[str, Any]

BYTES = 12
"""Of a fingerprint: two of a million frames agree with a chance of 1 in 10^16."""


def fingerprint(frame: object) -> str:
    """Give the same text for the same JSON value, however it is spelled: jsonb does not keep the spelling."""
    text = json.dumps(frame, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=BYTES).hexdigest()


def said(frame: Frame) -> str:
    """Give the fingerprint of what a frame says: the gateway gives it another id on its way."""
    return fingerprint({name: value for name, value in frame.items() if name != "id"})


def tagged(tag: str, **members: Any) -> dict[str, Any]:
    """Give params or a result that no other frame has; `_meta` may stand on every type (wire.md)."""
    return {"_meta": {"ledger": tag}, **members}


def tag_of(frame: Frame) -> str | None:
    """Find the tag of a frame, None where it has none: handshakes, keep-alive and errors."""
    for member in ("params", "result"):
        inner = frame.get(member)
        if isinstance(inner, dict) and isinstance(meta := inner.get("_meta"), dict):
            return meta.get("ledger")
    return None
