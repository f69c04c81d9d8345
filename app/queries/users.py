"""People: who there is, and what they may do now."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.errors import NotFound
from app.models import User

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session


def permissions(session: Session, uniquifiers: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the permissions of active people by their `fs_uniquifier`, which changes with the password."""
    people = session.scalars(
        select(User)
        .where(User.fs_uniquifier.in_(uniquifiers), User.active)
        .options(selectinload(User.roles))
        .execution_options(populate_existing=True)
    )
    return {
        person.fs_uniquifier: frozenset(name for role in person.roles for name in role.permissions or ())
        for person in people
    }


def everybody(session: Session) -> Sequence[User]:
    """Return all people with their roles, by their addresses."""
    return session.scalars(select(User).options(selectinload(User.roles)).order_by(User.email)).all()


def get(session: Session, key: uuid.UUID | str) -> User:
    """Return a person by id or e-mail.

    Raises:
        NotFound: there is none.
    """
    by = User.id == key if isinstance(key, uuid.UUID) else User.email == key.lower()
    user = session.scalar(select(User).where(by))
    if user is None:
        raise NotFound(f"there is no user {key}")
    return user
