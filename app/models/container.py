"""Container: an AI agent's container as the container management knows it (data model: Container)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, one_of
from app.protocol.states import ContainerStatus, Protocol

if TYPE_CHECKING:
    from app.models.acp_connection import AcpConnection
    from app.models.acp_connection_configuration import AcpConnectionConfiguration
    from app.models.container_session import ContainerSession

_TEXTS: Final = ("name", "image", "owner")


class Container(Base):
    """A container, its address, and the protocols it speaks."""

    __tablename__ = "container"
    __table_args__ = (
        one_of("status", ContainerStatus, "status_valid"),
        CheckConstraint(
            "supported_protocols <@ ARRAY['http', 'acp']::text[]", name="supported_protocols_valid"
        ),
        CheckConstraint(
            "cardinality(array_positions(supported_protocols, 'http')) <= 1"
            " AND cardinality(array_positions(supported_protocols, 'acp')) <= 1",
            name="supported_protocols_distinct",
        ),
        CheckConstraint(
            "preferred_protocol = ANY (supported_protocols)", name="preferred_protocol_supported"
        ),
        Index("ix_container_preferred_protocol", "preferred_protocol"),
        # People look for a part of them, of a fleet of thousands.
        Index(
            "ix_container_text",
            *_TEXTS,
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(_TEXTS, "gin_trgm_ops"),
        ),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    image: Mapped[str] = mapped_column(server_default="")
    endpoint_url: Mapped[str]
    status: Mapped[str] = mapped_column(default=ContainerStatus.RUNNING, server_default="running")
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    owner: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    supported_protocols: Mapped[list[str]] = mapped_column(
        default=lambda: [Protocol.HTTP.value], server_default=text("ARRAY['http']::text[]")
    )
    preferred_protocol: Mapped[str] = mapped_column(default=Protocol.HTTP, server_default="http")

    # Beside the model: where ACP is served under the endpoint, and which credential to read when dialling.
    acp_path: Mapped[str] = mapped_column(default="/acp", server_default="/acp")
    credential: Mapped[str | None]

    session: Mapped[ContainerSession] = relationship(back_populates="container", passive_deletes="all")
    configuration: Mapped[AcpConnectionConfiguration] = relationship(
        back_populates="container", passive_deletes="all"
    )
    acp_connections: Mapped[list[AcpConnection]] = relationship(
        back_populates="container", passive_deletes="all", order_by="AcpConnection.id.desc()"
    )

    @property
    def other_protocol(self) -> Protocol:
        """The protocol that it is not on: where it would move to."""
        return Protocol.HTTP if self.session.protocol_type == Protocol.ACP else Protocol.ACP

    def supports(self, protocol: str) -> bool:
        """Tell whether the container speaks a protocol."""
        return protocol in self.supported_protocols
