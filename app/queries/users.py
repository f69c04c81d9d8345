"""People: who there is, and what they may do now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.errors import NotFound
from app.models import Role, User
from app.queries import paging
from app.queries.narrowing import Narrowing
from app.queries.paging import Order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where


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


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter(Narrowing):
    """What the list is narrowed to; `q` is a part of an address, `active` is yes or no."""

    WORDS = {"active": frozenset({"yes", "no"})}  # noqa: RUF012 - the base says ClassVar

    q: str = ""
    role: str = ""
    active: str = ""


ORDERS: Final[Mapping[str, Order]] = {
    "email": Order(column=User.email, kind=str),
    "since": Order(column=User.id, kind=uuid.UUID, falls=True),
}


def page(session: Session, narrowed: UserFilter, where: Where, *, limit: int = paging.LIMIT) -> Page[User]:
    """Return one page of the people with their roles.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = select(User).options(selectinload(User.roles))
    if narrowed.q:
        statement = statement.where(User.email.icontains(narrowed.q, autoescape=True))
    if narrowed.role:
        statement = statement.where(User.roles.any(Role.name == narrowed.role))
    if narrowed.active:
        statement = statement.where(User.active.is_(narrowed.active == "yes"))
    return paging.read(session, statement, ORDERS, where, make=lambda row: row[0], limit=limit)


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
