"""Who may do what: people with roles, and callers with tokens."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from flask_security import AsaList, RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, Table, func
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id

user_role = Table(
    "console_user_role",
    Base.metadata,
    Column("user_id", UUID, ForeignKey("console_user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", UUID, ForeignKey("console_role.id", ondelete="CASCADE"), primary_key=True),
)


class Names(AsaList):
    """A list of words in one column."""

    cache_ok = True
    """It has no state: without this every statement about people was compiled anew, at every request."""


class Role(Base, RoleMixin):
    """A named set of permissions: viewer, operator, migrator, admin."""

    __tablename__ = "console_role"

    id: Mapped[Id]  # type: ignore[assignment]  # the mixins say int, and read no more than its text
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    permissions: Mapped[Any] = mapped_column(MutableList.as_mutable(Names()), nullable=True)


class User(Base, UserMixin):
    """An operator: a person at a browser. The password is stored as an argon2 hash."""

    __tablename__ = "console_user"

    id: Mapped[Id]  # type: ignore[assignment]
    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True, server_default="true")
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    roles: Mapped[list[Role]] = relationship(secondary=user_role)  # type: ignore[assignment]


class LastLook(Base):
    """Until when a person has seen what changed (ux.md: shift handover)."""

    __tablename__ = "console_last_look"

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("console_user.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[dt.datetime]


class CallerToken(Base):
    """A caller's right to speak to containers through the gateway. Only the token's SHA-256 is stored."""

    __tablename__ = "caller_token"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
