"""Tokens of callers: shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.errors import Invalid, NotFound
from app.models import CallerToken
from app.services import audit
from app.services.rules import enforced

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.services.actor import Actor

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}")


def create(session: Session, name: str, actor: Actor) -> str:
    """Make a token for a caller and return it; it cannot be read again.

    Raises:
        Invalid: the name is empty, too long or has other characters.
        Conflict: a token of this name exists.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("name", "1 to 100 letters, digits, spaces and . _ @ -")
    token = f"acp_{secrets.token_urlsafe(32)}"
    entry = CallerToken(name=name, token_hash=hashed(token), created_by=actor.name)
    with enforced(session):
        session.add(entry)
        session.flush()
    audit.record(session, actor, "token created", ("caller_token", entry.id), after={"name": name})
    return token


def revoke(session: Session, name: str, actor: Actor) -> None:
    """Remove a caller's token; sockets opened with it live on until they close.

    Raises:
        NotFound: there is no token of this name.
    """
    entry = session.scalar(select(CallerToken).where(CallerToken.name == name))
    if entry is None:
        raise NotFound(f"there is no token named {name!r}")
    audit.record(session, actor, "token revoked", ("caller_token", entry.id), before={"name": name})
    session.delete(entry)
    session.flush()


def holder(session: Session, token: str) -> str | None:
    """Return the name of a token's caller, or None for a token that is not known."""
    return session.scalar(select(CallerToken.name).where(CallerToken.token_hash == hashed(token)))


def hashed(token: str) -> str:
    """Return what is stored of a token. It has 256 bits of chance, so that a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
