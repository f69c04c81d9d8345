"""Vouching for a person: the web names who prompts a container, and the gateway believes its signature."""

from __future__ import annotations

from typing import Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

PREFIX: Final = "console."
"""Tells a signed name from a stored token at a glance."""
MAX_AGE: Final = 60
"""Seconds from the signature to the connection."""


def sign(secret_key: str, email: str) -> str:
    """Return a bearer token with which the web acts as a caller for a person."""
    return PREFIX + str(_serializer(secret_key).dumps(email))


def verify(secret_key: str, token: str, max_age: int = MAX_AGE) -> str | None:
    """Return the person that a token names; None where it is not one of ours, or is too old."""
    if not token.startswith(PREFIX):
        return None
    try:
        named = _serializer(secret_key).loads(token.removeprefix(PREFIX), max_age=max_age)
    except BadSignature:
        return None
    return named if isinstance(named, str) else None


def _serializer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="caller")
