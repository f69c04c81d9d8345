"""AcpConnection and its transitions (data model: AcpConnection)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, CheckConstraint, FetchedValue, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import HOT_ROWS, Base, CreatedAt, Id, UpdatedAt, one_of
from app.protocol.end_kinds import EndKind, of_reason
from app.protocol.states import ENDS, SEMVER, ConnectionStatus, Protocol

if TYPE_CHECKING:
    from app.models.container import Container


class AcpConnection(Base):
    """One connection to a container, living through its reconnects.

    A container on HTTP has one too (its `metadata` says `"transport": "http"`, its version is `0.3.1`), so
    that what is exchanged over HTTP is recorded and shown in the same way.
    """

    __tablename__ = "acp_connection"
    __table_args__ = (
        one_of("status", ConnectionStatus, "status_valid"),
        CheckConstraint(f"version ~ '{SEMVER}'", name="version_semver"),
        CheckConstraint("error_count >= 0", name="error_count_not_negative"),
        CheckConstraint("reconnect_count >= 0", name="reconnect_count_not_negative"),
        UniqueConstraint("id", "container_id", name="uq_acp_connection_id_container_id"),
        Index("ix_acp_connection_container_id", "container_id"),
        Index("ix_acp_connection_status", "status"),
        Index("ix_acp_connection_status_id", "status", "id"),
        # Data model, Relationships 1: only one connection of a container can be active at a time.
        Index(
            "uq_acp_connection_one_active",
            "container_id",
            unique=True,
            postgresql_where=text("status <> 'disconnected'"),
        ),
        HOT_ROWS,
    )

    id: Mapped[Id]
    connection_id: Mapped[str] = mapped_column(unique=True)
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    status: Mapped[str]
    version: Mapped[str]
    capabilities: Mapped[dict[str, Any] | None]
    last_active: Mapped[UpdatedAt]
    created_at: Mapped[CreatedAt]
    error_count: Mapped[int] = mapped_column(default=0, server_default="0")
    reconnect_count: Mapped[int] = mapped_column(default=0, server_default="0")
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")

    container: Mapped[Container] = relationship(back_populates="acp_connections")
    transitions: Mapped[list[AcpConnectionTransition]] = relationship(
        passive_deletes=True, order_by="AcpConnectionTransition.id"
    )

    @property
    def transport(self) -> Protocol:
        """The protocol that this connection speaks."""
        return Protocol((self.metadata_ or {}).get("transport", Protocol.ACP))

    @property
    def silent_since(self) -> dt.datetime | None:
        """Since when its agent has left a health request unanswered, while its socket lives."""
        since = (self.metadata_ or {}).get("silent_since")
        connected = self.status == ConnectionStatus.CONNECTED
        return dt.datetime.fromisoformat(since) if since and connected else None

    @property
    def active(self) -> bool:
        """Whether it counts as its container's one active connection."""
        return self.status != ConnectionStatus.DISCONNECTED


class AcpConnectionSequence(Base):
    """The number of a connection's last record, `seq`: advanced in the transaction that stores records."""

    __tablename__ = "acp_connection_sequence"
    __table_args__ = ({"postgresql_with": {"fillfactor": 70}},)

    connection_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("acp_connection.id", ondelete="CASCADE"), primary_key=True
    )
    last_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))


class AcpConnectionTransition(Base):
    """A change of a connection's status, with its reason and time (data model: Audit Trail).

    `closed_by` (us, peer, network) and `close_code` are those of a connection that was lost.
    """

    __tablename__ = "acp_connection_transition"
    __table_args__ = (
        CheckConstraint("closed_by IN ('us', 'peer', 'network')", name="closed_by_valid"),
        Index("ix_acp_connection_transition_connection_id", "connection_id", "id"),
        Index("ix_acp_connection_transition_container_id", "container_id", "at", "id"),
        Index("ix_acp_connection_transition_at", "at", "id"),
    )

    id: Mapped[Id]
    connection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("acp_connection.id", ondelete="CASCADE"))
    # A trigger fills it in, also for those who know nothing of it.
    container_id: Mapped[uuid.UUID] = mapped_column(server_default=FetchedValue())
    from_status: Mapped[str]
    to_status: Mapped[str]
    reason: Mapped[str]
    closed_by: Mapped[str | None]
    close_code: Mapped[int | None]
    at: Mapped[CreatedAt]

    @property
    def end_kind(self) -> EndKind | None:
        """Why the connection was lost or ended; None where it was not."""
        if self.to_status not in ENDS:
            return None
        return of_reason(self.reason, self.closed_by, self.close_code)
