"""People and their roles."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email
from flask_security import hash_password
from sqlalchemy import select

from app.errors import Invalid
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
    names = list(roles)
    if not names:
        raise Invalid("role", f"choose at least one of {', '.join(RoleName)}")
    for name in names:
        if name not in list(RoleName):
            raise Invalid("role", f"{name!r} is not a role; choose from {', '.join(RoleName)}")
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid("password", f"at least {SHORTEST_PASSWORD} characters")
    user = User(
        email=_checked(email), password=hash_password(password), active=True, fs_uniquifier=uuid.uuid4().hex
    )
    user.roles = list(session.scalars(select(Role).where(Role.name.in_(names))))
    with enforced(session):
        session.add(user)
        session.flush()
    subject = ("console_user", user.id)
    audit.record(session, actor, "user added", subject, after={"email": user.email, "roles": names})
    return user


def _checked(email: str) -> str:
    """Return an address as it is stored: in small letters, since signing in ignores their case."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid("email", str(error)) from error
