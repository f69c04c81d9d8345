"""ContainerSession: a container's current protocol state, one for each (data model: ContainerSession)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, one_of
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from app.models.acp_connection import AcpConnection
    from app.models.container import Container


class ContainerSession(Base):
    """Which protocol a container is on now, and over which connection.

    That a session on ACP belongs to a container which supports ACP is a trigger's to watch
    (`container_session_protocol_supported`), because a CHECK cannot look at another table.
    """

    __tablename__ = "container_session"
    __table_args__ = (
        one_of("protocol_type", Protocol, "protocol_type_valid"),
        CheckConstraint("protocol_type <> 'acp' OR acp_connection_id IS NOT NULL", name="acp_has_connection"),
        # Composite, so that a session can only name a connection of its own container.
        ForeignKeyConstraint(
            ["acp_connection_id", "container_id"],
            ["acp_connection.id", "acp_connection.container_id"],
            name="fk_container_session_acp_connection",
            ondelete="SET NULL (acp_connection_id)",
            use_alter=True,
        ),
        Index("ix_container_session_protocol_type", "protocol_type"),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), unique=True
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    protocol_type: Mapped[str] = mapped_column(default=Protocol.HTTP, server_default="http")
    fallback_enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    acp_connection_id: Mapped[uuid.UUID | None]
    protocol_metadata: Mapped[dict[str, Any] | None]

    container: Mapped[Container] = relationship(back_populates="session")
    acp_connection: Mapped[AcpConnection | None] = relationship(
        foreign_keys="ContainerSession.acp_connection_id",
        primaryjoin="ContainerSession.acp_connection_id == AcpConnection.id",
    )
