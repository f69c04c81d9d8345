"""People: who there is, and what they may do now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Text, bindparam, func, literal_column, select, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import joinedload, selectinload

from app.errors import NotFound
from app.models import Role, User
from app.models.access import user_role
from app.queries import paging, plain
from app.queries.narrowing import Narrowing
from app.queries.paging import Order, newest_first

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Hashable, Mapping

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


_KEY: Final = bindparam("key", type_=Text)
_ROLES: Final = (
    select(func.array_agg(Role.name + ":" + func.coalesce(type_coerce(Role.permissions, Text), "")))
    .join(user_role, user_role.c.role_id == Role.id)
    .where(user_role.c.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
_STANDING: Final = select(User.id, User.email, User.active, _ROLES).where(User.fs_uniquifier == _KEY)
_SIGNED_IN: Final = select(User).where(User.fs_uniquifier == _KEY).options(joinedload(User.roles))


def standing(session: Session, uniquifier: str) -> Hashable:
    """Return all that a signed-in person's requests depend on, to compare; None if there is nobody."""
    found = plain.read(session, _STANDING, {"key": uniquifier}).one_or_none()
    return None if found is None else (*found[:3], *sorted(found[3] or ()))


def signed_in(session: Session, uniquifier: str) -> User | None:
    """Return a person with their roles, apart from the session, so that many requests may share them."""
    user = session.scalars(_SIGNED_IN, {"key": uniquifier}).unique().one_or_none()
    if user is not None:
        for each in (*user.roles, user):
            session.expunge(each)
    return user


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter(Narrowing):
    """What the list is narrowed to; `q` is a part of an address, `active` is yes or no."""

    WORDS = {"active": frozenset({"yes", "no"})}  # noqa: RUF012 - the base says ClassVar

    q: str = ""
    role: str = ""
    active: str = ""


ORDERS: Final[Mapping[str, Order]] = {
    "email": Order(column=User.email, kind=str),
    "since": newest_first(User.id),
}


class UserRow(NamedTuple):
    """A line of the list; `roles` are their names, with commas."""

    id: uuid.UUID
    email: str
    active: bool
    created_at: dt.datetime
    roles: str


_NAMES: Final = (
    select(
        func.coalesce(func.string_agg(Role.name, aggregate_order_by(literal_column("', '"), Role.name)), "")
    )
    .join(user_role, user_role.c.role_id == Role.id)
    .where(user_role.c.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
_ROWS: Final = select(User.id, User.email, User.active, User.created_at, _NAMES)


def page(session: Session, narrowed: UserFilter, where: Where, *, limit: int = paging.LIMIT) -> Page[UserRow]:
    """Return one page of the people with their roles.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = _ROWS
    if narrowed.q:
        statement = statement.where(User.email.icontains(narrowed.q, autoescape=True))
    if narrowed.role:
        statement = statement.where(User.roles.any(Role.name == narrowed.role))
    if narrowed.active:
        statement = statement.where(User.active.is_(narrowed.active == "yes"))
    return paging.read(session, statement, ORDERS, where, make=UserRow._make, limit=limit)


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
