"""AcpConnectionConfiguration: how a container's connection behaves (data model, Supporting Entities)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, one_of
from app.protocol.states import EncryptionLevel

if TYPE_CHECKING:
    from app.models.container import Container


class AcpConnectionConfiguration(Base):
    """A container's connection settings; all times are milliseconds. `FIELDS` are those that people set."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "max_reconnect_attempts",
        "reconnect_delay",
        "max_reconnect_delay",
        "idle_timeout",
        "keep_alive_interval",
        "compression_enabled",
        "encryption_level",
        "enable_bulk_operations",
        "enable_status_events",
        "enable_metrics",
    )

    __tablename__ = "acp_connection_configuration"
    __table_args__ = (
        CheckConstraint(
            "reconnect_delay > 0 AND reconnect_delay <= max_reconnect_delay", name="reconnect_delay_valid"
        ),
        one_of("encryption_level", EncryptionLevel, "encryption_level_valid"),
        CheckConstraint("max_reconnect_attempts >= 0", name="max_reconnect_attempts_valid"),
        CheckConstraint("idle_timeout > 0", name="idle_timeout_positive"),
        CheckConstraint("keep_alive_interval > 0", name="keep_alive_interval_positive"),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), unique=True
    )

    max_reconnect_attempts: Mapped[int] = mapped_column(default=5, server_default="5")
    reconnect_delay: Mapped[int] = mapped_column(default=1000, server_default="1000")
    max_reconnect_delay: Mapped[int] = mapped_column(default=30_000, server_default="30000")
    idle_timeout: Mapped[int] = mapped_column(default=60_000, server_default="60000")
    keep_alive_interval: Mapped[int] = mapped_column(default=30_000, server_default="30000")
    compression_enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    encryption_level: Mapped[str] = mapped_column(default=EncryptionLevel.STANDARD, server_default="standard")

    enable_bulk_operations: Mapped[bool] = mapped_column(default=True, server_default="true")
    enable_status_events: Mapped[bool] = mapped_column(default=True, server_default="true")
    enable_metrics: Mapped[bool] = mapped_column(default=True, server_default="true")

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    container: Mapped[Container] = relationship(back_populates="configuration")
