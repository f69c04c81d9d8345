"""Preflight: a look whether a container could move to a protocol, and ContainerPresence: who is there now."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import HOT_ROWS, Base, Id, one_of
from app.protocol import preflight
from app.protocol.blast import Blast
from app.protocol.preflight import Verdict
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.models.container import Container


class Preflight(Base):
    """A dry run that somebody asked for, or what a protocol migration has found in its own preflight.

    An intent, as a trial is: the gateway that holds the container dials beside its connection. `checks` are
    those of `protocol/preflight`, `blast` is whom it would have concerned then.
    """

    __tablename__ = "protocol_preflight"
    __table_args__ = (
        one_of("to_protocol", Protocol, "to_protocol_valid"),
        one_of("verdict", Verdict, "verdict_valid"),
        CheckConstraint("(completed_at IS NULL) = (verdict IS NULL)", name="verdict_set_when_completed"),
        Index("ix_protocol_preflight_container_id", "container_id", "id"),
        Index(
            "ix_protocol_preflight_migration_id",
            "migration_id",
            postgresql_where=text("migration_id IS NOT NULL"),
        ),
        Index(
            "uq_protocol_preflight_one_open",
            "container_id",
            unique=True,
            postgresql_where=text("completed_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    to_protocol: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    # No foreign key: a gateway is struck off when it stops, and what it did stays.
    gateway_id: Mapped[uuid.UUID | None]
    taken_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]
    verdict: Mapped[str | None]
    checks: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    blast: Mapped[dict[str, Any] | None]
    migration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("protocol_migration.id", ondelete="CASCADE")
    )

    container: Mapped[Container] = relationship()

    @property
    def open(self) -> bool:
        """Whether a gateway has still to carry it out."""
        return self.completed_at is None

    @property
    def found(self) -> Sequence[preflight.Check]:
        """The checks in the order in which they are shown."""
        return preflight.read(self.checks)

    @property
    def radius(self) -> Blast:
        """Whom it would have concerned."""
        return Blast.of(self.blast or {})


class ContainerPresence(Base):
    """How many callers a container's gateway has there, and how many sessions are theirs, as of `epoch`.

    A row is worth what its lease is: under another epoch, or after the lease, nobody knows who is there.
    """

    __tablename__ = "container_presence"
    __table_args__ = (
        CheckConstraint("callers >= 0 AND sessions >= 0", name="not_negative"),
        HOT_ROWS,
    )

    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(BigInteger)
    callers: Mapped[int] = mapped_column(server_default=text("0"))
    sessions: Mapped[int] = mapped_column(server_default=text("0"))
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
