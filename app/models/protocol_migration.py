"""ProtocolMigration and its steps (data model: ProtocolMigration)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, one_of
from app.protocol.states import Cause, MigrationPhase, Protocol

if TYPE_CHECKING:
    from app.models.container import Container


class ProtocolMigration(Base):
    """A container's move from one protocol to the other: first an intent, then what became of it.

    Beside the model: `phase`, `cause` (what asked for it: operator, first dial, fallback, rollback),
    `reason` and `requested_by`; `rollback_of_id` names the migration that this one takes back.
    """

    __tablename__ = "protocol_migration"
    __table_args__ = (
        one_of("from_protocol", Protocol, "from_protocol_valid"),
        one_of("to_protocol", Protocol, "to_protocol_valid"),
        one_of("phase", MigrationPhase, "phase_valid"),
        CheckConstraint("completed_at > started_at", name="completed_after_started"),
        CheckConstraint("completed_at IS NULL OR success IS NOT NULL", name="success_set_when_completed"),
        CheckConstraint("attempt_count > 0", name="attempt_count_positive"),
        Index("ix_protocol_migration_container_id", "container_id"),
        Index("ix_protocol_migration_success", "success"),
        Index("ix_protocol_migration_outcome", "success", "id"),
        Index(
            "uq_protocol_migration_one_open",
            "container_id",
            unique=True,
            postgresql_where=text("completed_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    from_protocol: Mapped[str]
    to_protocol: Mapped[str]
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[dt.datetime | None]
    success: Mapped[bool | None]
    error_message: Mapped[str | None]
    attempt_count: Mapped[int] = mapped_column(default=1, server_default="1")
    rollback: Mapped[bool] = mapped_column(default=False, server_default="false")

    phase: Mapped[str] = mapped_column(default=MigrationPhase.PENDING, server_default="pending")
    cause: Mapped[str] = mapped_column(server_default="operator")
    reason: Mapped[str] = mapped_column(server_default="")
    requested_by: Mapped[str] = mapped_column(server_default="")
    rollback_of_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("protocol_migration.id", ondelete="SET NULL")
    )

    container: Mapped[Container] = relationship()
    steps: Mapped[list[ProtocolMigrationStep]] = relationship(
        passive_deletes=True, order_by="ProtocolMigrationStep.id"
    )

    @property
    def open(self) -> bool:
        """Whether it is still under way."""
        return self.completed_at is None

    @property
    def interruptible(self) -> bool:
        """Whether nothing has been switched yet, by a first dial that may never succeed."""
        early = (MigrationPhase.PENDING, MigrationPhase.PREFLIGHT)
        return self.cause == Cause.FIRST_DIAL and self.phase in early

    @property
    def can_roll_back(self) -> bool:
        """Whether it succeeded and has not been taken back."""
        return bool(self.success) and not self.rollback and self.rollback_of_id is None


class ProtocolMigrationStep(Base):
    """A phase that a protocol migration entered, when, and what was found there."""

    __tablename__ = "protocol_migration_step"
    __table_args__ = (Index("ix_protocol_migration_step_migration_id", "migration_id", "id"),)

    id: Mapped[Id]
    migration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("protocol_migration.id", ondelete="CASCADE"))
    phase: Mapped[str]
    detail: Mapped[str] = mapped_column(server_default="")
    at: Mapped[CreatedAt]
