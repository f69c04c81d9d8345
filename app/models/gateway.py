"""Gateways and their leases: who may write for a container now (reliability: one active connection)."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import HOT_ROWS, Base, CreatedAt, Id


class Gateway(Base):
    """A running gateway process, alive while its heartbeat is no older than its leases last.

    The numbers are what it said with that heartbeat. `steady_since` is when it began to beat without a pause.
    """

    __tablename__ = "gateway"
    __table_args__ = HOT_ROWS

    id: Mapped[Id]
    address: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[CreatedAt]
    heartbeat_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    steady_since: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    lease_seconds: Mapped[int] = mapped_column(server_default=text("10"))
    draining: Mapped[bool] = mapped_column(server_default=text("false"))
    connected: Mapped[int] = mapped_column(server_default=text("0"))
    callers: Mapped[int] = mapped_column(server_default=text("0"))
    forwarded: Mapped[int] = mapped_column(server_default=text("0"))
    messages_per_second: Mapped[float] = mapped_column(server_default=text("0"))
    records_waiting: Mapped[int] = mapped_column(server_default=text("0"))
    oldest_waiting_ms: Mapped[int] = mapped_column(server_default=text("0"))
    loop_lag_ms: Mapped[int] = mapped_column(server_default=text("0"))


class GatewayEnded(Base):
    """A gateway that was struck off: it stopped, or was silent for long. A trigger keeps it for a week."""

    __tablename__ = "gateway_ended"
    __table_args__ = (Index("ix_gateway_ended_ended_at", "ended_at"),)

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    address: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[dt.datetime]
    heartbeat_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class ContainerLease(Base):
    """The right to dial a container and to write its records, until `expires_at` by the database's clock.

    `epoch` grows with every change of holder; a batch of records is committed only under its own epoch.
    """

    __tablename__ = "container_lease"
    __table_args__ = HOT_ROWS

    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), primary_key=True
    )
    gateway_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("gateway.id", ondelete="SET NULL"))
    epoch: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    expires_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
