"""People and their roles."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from email_validator import EmailNotValidError, validate_email
from flask_security import hash_password
from sqlalchemy import select

from app.errors import Conflict, Invalid
from app.models import Role, User
from app.services import audit
from app.services.rules import enforced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from app.services.actor import Actor

SHORTEST_PASSWORD = 12


class RoleName(StrEnum):
    """The four roles (DESIGN, security base line); each has the permissions of the one before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MIGRATOR = "migrator"
    ADMIN = "admin"


def add(session: Session, email: str, password: str, roles: Iterable[str], actor: Actor) -> User:
    """Add a person who may sign in. Needs an application context, for the password's hash.

    Raises:
        Invalid: the e-mail, the password or a role is not usable.
        Conflict: there is a user with this e-mail.
    """
    granted = _roles(session, roles)
    user = User(
        email=_checked(email), password=_hashed(password), active=True, fs_uniquifier=uuid.uuid4().hex
    )
    user.roles = granted
    with enforced(session):
        session.add(user)
        session.flush()
    audit.record(session, actor, "user added", ("console_user", user.id), after=_shown(user))
    return user


def change(
    session: Session, user: User, roles: Iterable[str], *, active: bool, actor: Actor, reason: str
) -> None:
    """Change what a person may do, or whether they may sign in at all; what they have open is closed.

    Raises:
        Invalid: a role is not one, or there is no reason.
        Conflict: nobody would be left who can manage the console.
    """
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the audit trail")
    before = _shown(user)
    user.roles, user.active = _roles(session, roles), active
    session.flush()
    if not session.scalar(_managers.with_for_update(key_share=True)):
        raise Conflict("somebody must be left who is active and has the role admin")
    if not active:
        user.fs_uniquifier = uuid.uuid4().hex  # ends every session that is signed in
    subject = ("console_user", user.id)
    audit.record(
        session, actor, "user changed", subject, reason=reason.strip(), before=before, after=_shown(user)
    )


def set_password(session: Session, user: User, password: str, actor: Actor) -> None:
    """Give a person another password, which ends their sessions. Needs an application context.

    Raises:
        Invalid: it is too short.
    """
    user.password, user.fs_uniquifier = _hashed(password), uuid.uuid4().hex
    audit.record(session, actor, "password changed", ("console_user", user.id))


def _roles(session: Session, names: Iterable[str]) -> list[Role]:
    wanted = list(names)
    if not wanted:
        raise Invalid("role", f"choose at least one of {', '.join(RoleName)}")
    for name in wanted:
        if name not in list(RoleName):
            raise Invalid("role", f"{name!r} is not a role; choose from {', '.join(RoleName)}")
    return list(session.scalars(select(Role).where(Role.name.in_(wanted))))


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid("password", f"at least {SHORTEST_PASSWORD} characters")
    hashed: str = hash_password(password)
    return hashed


def _shown(user: User) -> dict[str, Any]:
    """Return what the audit trail keeps of a person."""
    return {"email": user.email, "roles": sorted(role.name for role in user.roles), "active": user.active}


_managers: Final = select(User.id).join(User.roles).where(User.active, Role.name == RoleName.ADMIN).limit(1)
"""Somebody who can manage the console."""


def _checked(email: str) -> str:
    """Return an address as it is stored: in small letters, since signing in ignores their case."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid("email", str(error)) from error
