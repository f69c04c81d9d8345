"""ProtocolMigration and its steps (data model: ProtocolMigration)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, and_, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, one_of
from app.protocol.states import BEFORE_THE_SWITCH, Cause, MigrationPhase, Protocol
from app.protocol.strategies import Plan, Strategy, Verification

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from app.models.container import Container


class ProtocolMigration(Base):
    """A container's move from one protocol to the other: first an intent, then what became of it.

    Beside the model: `phase`, `cause` (what asked for it: operator, first dial, fallback, rollback, rollout,
    way home), `reason` and `requested_by`; `rollback_of_id` names the migration that this one takes back; its
    plan (`protocol/strategies`), and who asked meanwhile to switch now or to cancel it. `measured` has what
    the verification found: `before` of the old protocol, `after` of the new.
    """

    __tablename__ = "protocol_migration"
    __table_args__ = (
        one_of("from_protocol", Protocol, "from_protocol_valid"),
        one_of("to_protocol", Protocol, "to_protocol_valid"),
        one_of("phase", MigrationPhase, "phase_valid"),
        one_of("strategy", Strategy, "strategy_valid"),
        CheckConstraint("drain_seconds BETWEEN 0 AND 86400", name="drain_seconds_valid"),
        CheckConstraint("(strategy = 'scheduled') = (scheduled_at IS NOT NULL)", name="scheduled_has_time"),
        CheckConstraint(
            "(switch_asked_at IS NULL) = (switch_asked_by IS NULL)", name="switch_asked_by_somebody"
        ),
        CheckConstraint(
            "(cancel_asked_at IS NULL) = (cancel_asked_by IS NULL)", name="cancel_asked_by_somebody"
        ),
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

    strategy: Mapped[str] = mapped_column(default=Strategy.GRACEFUL, server_default="graceful")
    drain_seconds: Mapped[int] = mapped_column(default=10, server_default="10")
    scheduled_at: Mapped[dt.datetime | None]
    scheduled_zone: Mapped[str | None]
    verification: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    measured: Mapped[dict[str, Any] | None]
    switch_asked_at: Mapped[dt.datetime | None]
    switch_asked_by: Mapped[str | None]
    cancel_asked_at: Mapped[dt.datetime | None]
    cancel_asked_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]

    container: Mapped[Container] = relationship()
    steps: Mapped[list[ProtocolMigrationStep]] = relationship(
        passive_deletes=True, order_by="ProtocolMigrationStep.id"
    )

    @property
    def open(self) -> bool:
        """Whether it is still under way."""
        return self.completed_at is None

    @property
    def plan(self) -> Plan:
        """How it is to be carried out."""
        return Plan(
            strategy=Strategy(self.strategy),
            drain_seconds=self.drain_seconds,
            scheduled_at=self.scheduled_at,
            scheduled_zone=self.scheduled_zone,
            verification=Verification.of(self.verification),
        )

    @property
    def waiting(self) -> bool:
        """Whether it waits for its time or for a person; its container goes on as if there were none."""
        if self.switch_asked_at is not None or self.cancel_asked_at is not None:
            return False
        scheduled = self.phase == MigrationPhase.PENDING and self.scheduled_at is not None
        return scheduled or self.phase == MigrationPhase.PREPARED

    @property
    def interruptible(self) -> bool:
        """Whether it stands in nobody's way: it waits, or is a first dial that may never succeed."""
        early = (MigrationPhase.PENDING, MigrationPhase.PREFLIGHT)
        return self.waiting or (self.cause == Cause.FIRST_DIAL and self.phase in early)

    @property
    def can_switch(self) -> bool:
        """Whether a person can have it go on at once."""
        return self.waiting

    @property
    def can_cancel(self) -> bool:
        """Whether it can be ended before anything is switched."""
        return self.why_not_cancel == ""

    @property
    def why_not_cancel(self) -> str:
        """Why it cannot be cancelled; empty where it can."""
        if not self.open:
            return "the protocol migration has ended already"
        if self.cancel_asked_at is not None:
            return "the protocol migration is being cancelled already"
        if self.phase not in BEFORE_THE_SWITCH:
            return "the protocol migration has begun to switch; roll it back when it is completed"
        if self.cause == Cause.FIRST_DIAL:
            return "a first dial is tried again at once; disconnect the container instead"
        return ""

    @classmethod
    def cancellable(cls) -> ColumnElement[bool]:
        """Tell in SQL what `can_cancel` tells of one."""
        return and_(
            cls.completed_at.is_(None),
            cls.cancel_asked_at.is_(None),
            cls.phase.in_(BEFORE_THE_SWITCH),
            cls.cause != Cause.FIRST_DIAL,
        )

    @property
    def cancel_words(self) -> str:
        """What is told of a protocol migration that was cancelled."""
        return f"cancelled by {self.cancel_asked_by}: {self.cancel_reason}"

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
