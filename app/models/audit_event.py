"""AuditEvent: who changed what, when, why, before and after (DESIGN, promise 6). Append-only."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class AuditEvent(Base):
    """One change, written in its own transaction; `origin` is from where: an address, the command line."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_subject", "subject_type", "subject_id", "id"),
        Index("ix_audit_event_actor", "actor", "id"),
        Index("ix_audit_event_action", "action", "id"),
    )

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    actor: Mapped[str]
    origin: Mapped[str] = mapped_column(default="", server_default="")
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """What differs between `before` and `after`: name, old and new value; None stands for not there."""
        before, after = self.before or {}, self.after or {}
        names = [*before, *(name for name in after if name not in before)]
        return [
            (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
        ]
