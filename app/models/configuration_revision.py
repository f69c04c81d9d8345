"""ConfigurationRevision: a container's connection configuration as it was saved, by whom and why."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.acp_connection_configuration import AcpConnectionConfiguration
from app.models.base import Base, CreatedAt, Id

if TYPE_CHECKING:
    from app.models.container import Container


class ConfigurationRevision(Base):
    """All fields as they were from `at` on, under a number that is gapless for each container.

    `changed` names the fields in which it differs from the revision before; the first one changes nothing.
    Revisions that one bulk edit has made share a `bulk_id`. Append-only; they go with their container.
    """

    __tablename__ = "acp_connection_configuration_revision"
    __table_args__ = (
        UniqueConstraint("container_id", "number"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("reverted_from > 0 AND reverted_from < number", name="reverted_from_earlier"),
        Index("ix_acp_connection_configuration_revision_actor", "actor", "id"),
        Index(
            "ix_acp_connection_configuration_revision_bulk_id",
            "bulk_id",
            "id",
            postgresql_where=text("bulk_id IS NOT NULL"),
        ),
        *(
            Index(
                f"ix_acp_connection_configuration_revision_{field}",
                "id",
                postgresql_where=text(f"changed @> ARRAY['{field}']"),
            )
            for field in AcpConnectionConfiguration.FIELDS
        ),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    number: Mapped[int]
    settings: Mapped[dict[str, Any]]
    changed: Mapped[list[str]]
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[CreatedAt]
    reverted_from: Mapped[int | None]
    bulk_id: Mapped[uuid.UUID | None]

    container: Mapped[Container] = relationship()
