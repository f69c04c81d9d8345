"""Vouching for a caller: the web names who prompts a container, a gateway whom it forwards to another one.

Who is told believes the signature, which only processes with the same secret key can make.
"""

from __future__ import annotations

import time
import uuid
from typing import Final, NamedTuple

from itsdangerous import BadSignature, URLSafeSerializer

PREFIX: Final = "console."
"""Tells a signed name from a stored token at a glance."""
FORWARDED: Final = "gateway."
"""Tells it from a caller that another gateway forwards."""
MAX_SKEW: Final = 15 * 60
"""Seconds that the clocks of two machines may differ, and a word be old (reliability: clocks)."""


class Forwarded(NamedTuple):
    """A caller that another gateway forwards, and the container it is for."""

    caller: str
    container_id: uuid.UUID


def sign(secret_key: str, email: str) -> str:
    """Return a bearer token with which the web acts as a caller for a person."""
    return PREFIX + str(_vouching(secret_key).dumps([email, int(time.time())]))


def verify(secret_key: str, token: str) -> str | None:
    """Return the person that a token names; None where it is not one of ours, or is too old."""
    if not token.startswith(PREFIX):
        return None
    try:
        word = _vouching(secret_key).loads(token.removeprefix(PREFIX))
    except BadSignature:
        return None
    match word:
        case [str() as email, int() as at] if _is_fresh(at):
            return email
    return None


def sign_forwarded(secret_key: str, caller: str, to: uuid.UUID, container_id: uuid.UUID) -> str:
    """Return a bearer token that only one gateway process takes, for one container.

    Who takes it does not forward it again, so that two with stale views cannot send a caller in a circle.
    """
    word = [caller, str(to), str(container_id), int(time.time())]
    return FORWARDED + str(_forwarding(secret_key).dumps(word))


def verify_forwarded(secret_key: str, token: str, to: uuid.UUID) -> Forwarded | None:
    """Return whom a token names; None where it is not a gateway's, is for another one, or is too old."""
    try:
        word = _forwarding(secret_key).loads(token.removeprefix(FORWARDED))
    except BadSignature:
        return None
    match word:
        case [str() as caller, str() as meant, str() as container, int() as at] if _is_fresh(at):
            if meant == str(to):
                return Forwarded(caller, uuid.UUID(container))
    return None


def _is_fresh(at: int) -> bool:
    return abs(time.time() - at) <= MAX_SKEW


def _vouching(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="caller")


def _forwarding(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="forwarded caller")
