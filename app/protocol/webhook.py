"""Notifications as a receiver sees them: headers, signature, and when one is tried again.

    Console-Delivery: the delivery's id, the same each time it is tried
    Console-Event: rollout.paused
    Console-Signature: t=1764120000,v1=5257a8…

The signature is HMAC-SHA256, in hexadecimal, with the shared secret as its key, of the text that `t`, a full
stop and the body as it was sent make up. A receiver computes it anew, compares in constant time, and refuses
what is older than some minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

DELIVERY: Final = "Console-Delivery"
EVENT: Final = "Console-Event"
SIGNATURE: Final = "Console-Signature"

FIRST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 3600.0
ATTEMPTS: Final = 20
"""The last is made some ten hours after the first, on average."""
TAKEN: Final = range(200, 300)


def body_of(delivery: str, event: str, at: str, told: Mapping[str, Any]) -> bytes:
    """Return the body: the same bytes each time it is tried."""
    whole = {"id": delivery, "event": event, "created_at": at, **told}
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the header's value, for a time in seconds since 1970."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def verify(secret: str, header: str, body: bytes, *, now: int, tolerance: int = 300) -> bool:
    """Tell whether a header's value is right and not too old, as a receiver does."""
    given = dict(part.partition("=")[::2] for part in header.split(","))
    at = given.get("t", "")
    if not at.isdecimal() or abs(now - int(at)) > tolerance:
        return False
    return hmac.compare_digest(signature(secret, int(at), body), f"t={at},v1={given.get('v1', '')}")


def taken(status: int) -> bool:
    """Tell whether a receiver has taken a notification; a redirect is no answer."""
    return status in TAKEN


def retry_in(attempts: int, random: Random) -> float | None:
    """Return after how many seconds to try again, None to give up: exponential, with half of it by chance."""
    if attempts >= ATTEMPTS:
        return None
    ceiling: float = min(FIRST_SECONDS * 2 ** (attempts - 1), LONGEST_SECONDS)
    return ceiling / 2 + random.uniform(0, ceiling / 2)
