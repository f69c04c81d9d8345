"""PlotNote: what somebody has noted at a moment, for every plot that covers it."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, one_of
from app.models.container import Container
from app.protocol.plot_notes import NoteKind


class PlotNote(Base):
    """A line about a moment (`at`) of a container's, or of the whole fleet's where it names none."""

    __tablename__ = "plot_note"
    __table_args__ = (
        one_of("kind", NoteKind, "kind_valid"),
        CheckConstraint("length(text) BETWEEN 1 AND 200 AND text !~ '[[:cntrl:]]'", name="text_one_line"),
        CheckConstraint(
            "length(link) <= 500 AND link ~* '^https?://[^/?#@[:space:]]+([/?#][^[:space:]]*)?$'",
            name="link_valid",
        ),
        Index("ix_plot_note_at", "at", "id"),
        Index("ix_plot_note_container_id", "container_id", "at", "id"),
    )

    id: Mapped[Id]
    at: Mapped[dt.datetime]
    kind: Mapped[str]
    text: Mapped[str]
    link: Mapped[str | None]
    container_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    author: Mapped[str]
    created_at: Mapped[CreatedAt]

    container: Mapped[Container | None] = relationship()
