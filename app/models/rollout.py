"""Rollout: a fleet moved in waves; its waves, each container's part, and what happened."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import HOT_ROWS, Base, CreatedAt, Id, one_of
from app.protocol.rollout_plan import RolloutPlan
from app.protocol.rollout_states import PartState, RolloutState, WaveState
from app.protocol.states import Protocol

_LIVE: Final = "state IN ('running', 'paused', 'aborting', 'rolling_back')"
_UNSETTLED: Final = "state IN ('running', 'returning', 'rolling_back')"


class Rollout(Base):
    """The plan as it was stored, and how far it has come.

    `state_reason` says why it is in its state, in words. `changed_at` is when it came there, `ended_at` when
    it ended (None again after a retry). `digest` is what the set of containers is known by that was
    previewed. `requests` and `request_errors` are those of the last hour over the new protocol, as they were
    at `measured_at`.
    """

    __tablename__ = "rollout"
    __table_args__ = (
        one_of("state", RolloutState, "state_valid"),
        one_of("to_protocol", Protocol, "to_protocol_valid"),
        Index("ix_rollout_state", "state", "id"),
        Index("ix_rollout_live", "id", postgresql_where=text(_LIVE)),
        HOT_ROWS,
    )

    id: Mapped[Id]
    name: Mapped[str]
    to_protocol: Mapped[str]
    plan: Mapped[dict[str, Any]]
    reason: Mapped[str]
    digest: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]
    state: Mapped[str] = mapped_column(default=RolloutState.DRAFT, server_default="draft")
    state_reason: Mapped[str] = mapped_column(default="", server_default="")
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    requests: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    request_errors: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    measured_at: Mapped[dt.datetime | None]

    waves: Mapped[list[RolloutWave]] = relationship(passive_deletes=True, order_by="RolloutWave.number")

    @property
    def planned(self) -> RolloutPlan:
        """The plan as the rules know it."""
        return RolloutPlan.of(self.plan)


class RolloutWave(Base):
    """A wave, numbered from 1. `why` says what limit was crossed in one that has failed."""

    __tablename__ = "rollout_wave"
    __table_args__ = (
        one_of("state", WaveState, "state_valid"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("state <> 'baking' OR baking_at IS NOT NULL", name="baking_since"),
        HOT_ROWS,
    )

    rollout_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("rollout.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default=WaveState.WAITING, server_default="waiting")
    began_at: Mapped[dt.datetime | None]
    baking_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    why: Mapped[str | None]


class RolloutContainer(Base):
    """A container's part in a rollout.

    `wave` is its wave's number, None where it is left out; `position` orders all of them. `detail` says why
    it is left out, has failed or could not be taken back. `migration_id` is its last attempt,
    `back_migration_id` the one that takes it back. A container that is removed leaves its name.
    """

    __tablename__ = "rollout_container"
    __table_args__ = (
        one_of("state", PartState, "state_valid"),
        CheckConstraint("(wave IS NULL) = (state = 'left_out')", name="wave_unless_left_out"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index("uq_rollout_container_once", "rollout_id", "container_id", unique=True),
        Index("ix_rollout_container_turn", "rollout_id", "wave", "state", "position"),
        Index("uq_rollout_container_position", "rollout_id", "position", unique=True),
        Index("ix_rollout_container_container_id", "container_id"),
        Index("ix_rollout_container_migration_id", "migration_id"),
        Index("ix_rollout_container_back_migration_id", "back_migration_id"),
        Index("ix_rollout_container_unsettled", "rollout_id", postgresql_where=text(_UNSETTLED)),
        HOT_ROWS,
    )

    id: Mapped[Id]
    rollout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"))
    container_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("container.id", ondelete="SET NULL"))
    name: Mapped[str]
    wave: Mapped[int | None]
    position: Mapped[int]
    canary: Mapped[bool] = mapped_column(default=False, server_default="false")
    late: Mapped[bool] = mapped_column(default=False, server_default="false")
    state: Mapped[str] = mapped_column(default=PartState.WAITING, server_default="waiting")
    detail: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    migration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("protocol_migration.id", ondelete="SET NULL")
    )
    back_migration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("protocol_migration.id", ondelete="SET NULL")
    )
    began_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]


class RolloutEvent(Base):
    """What happened in a rollout: `what` was done (`paused`, `wave passed`), by whom, from where and why."""

    __tablename__ = "rollout_event"
    __table_args__ = (Index("ix_rollout_event_rollout_id", "rollout_id", "id"),)

    id: Mapped[Id]
    rollout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"))
    at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    origin: Mapped[str] = mapped_column(default="", server_default="")
    what: Mapped[str]
    detail: Mapped[str] = mapped_column(default="", server_default="")
    wave: Mapped[int | None]
