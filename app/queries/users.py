"""People: what they may do now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.models import User

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
