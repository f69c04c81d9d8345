"""SavedView: a list's filter and sort under a name."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.access import User
from app.models.base import Base, CreatedAt, Id


class SavedView(Base):
    """What stands in the URL of a list after the question mark, kept by a person, for others too if shared.

    `noun` is the list's blueprint; the page itself is never stored, so that a view leads nowhere else.
    """

    __tablename__ = "saved_view"
    __table_args__ = (
        UniqueConstraint("owner_id", "noun", "name", name="uq_saved_view_name"),
        CheckConstraint("length(query) <= 2000", name="query_length"),
        Index("ix_saved_view_shared", "noun", "name", postgresql_where=text("shared")),
    )

    id: Mapped[Id]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("console_user.id", ondelete="CASCADE"))
    noun: Mapped[str]
    name: Mapped[str]
    query: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False, server_default="false")
    created_at: Mapped[CreatedAt]

    owner: Mapped[User] = relationship()
