"""Who is signed in: asked of the database at every request, made anew only where that says something new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask_security import SQLAlchemyUserDatastore

from app.queries import users

if TYPE_CHECKING:
    from collections.abc import Hashable

    from app.models import User

MOST: Final = 1000
"""People that a process keeps; those who come after start it afresh."""


class _Known(NamedTuple):
    standing: Hashable
    user: User


class People(SQLAlchemyUserDatastore):
    """Finds people for Flask-Security.

    A session's person is kept, apart from any database session, for as long as their address, their roles
    and what these allow are what they were. One narrow row tells, and costs a third of making a person.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._known: dict[str, _Known] = {}

    def find_user(self, case_insensitive: bool = False, **by: Any) -> Any:  # noqa: FBT001, FBT002 - theirs
        """Return what the library's does."""
        if by.keys() != {"fs_uniquifier"}:
            return super().find_user(case_insensitive, **by)
        return self._signed_in(by["fs_uniquifier"])

    def _signed_in(self, uniquifier: str) -> User | None:
        session, known = self.db.session(), self._known.get(uniquifier)
        standing = users.standing(session, uniquifier)
        if known is not None and known.standing == standing:
            return known.user
        self._known.pop(uniquifier, None)
        user = users.signed_in(session, uniquifier) if standing is not None else None
        if user is not None:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[uniquifier] = _Known(standing, user)
        return user
