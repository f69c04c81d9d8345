"""ConfigurationTrial: a changed configuration that somebody wants tried, and what came of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Id

if TYPE_CHECKING:
    from app.models.container import Container


class ConfigurationTrial(Base):
    """An intent: the gateway that holds the container dials beside its connection with these settings.

    Nothing of it becomes the configuration. `gateway_id` says who has taken it last; one that was killed
    leaves it to the next, which does it again. `outcome` says in words what came of it, `advice` what to do
    if it failed, `found` what was negotiated and measured.
    """

    __tablename__ = "acp_connection_configuration_trial"
    __table_args__ = (
        CheckConstraint("(finished_at IS NULL) = (success IS NULL)", name="success_set_when_finished"),
        Index("ix_acp_connection_configuration_trial_container_id", "container_id", "id"),
        Index(
            "uq_acp_connection_configuration_trial_one_open",
            "container_id",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    settings: Mapped[dict[str, Any]]
    changed: Mapped[list[str]]
    requested_by: Mapped[str]
    requested_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    # No foreign key: a gateway is struck off when it stops, and what it did stays.
    gateway_id: Mapped[uuid.UUID | None]
    taken_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    success: Mapped[bool | None]
    outcome: Mapped[str | None]
    advice: Mapped[str | None]
    found: Mapped[dict[str, Any] | None]

    container: Mapped[Container] = relationship()

    @property
    def open(self) -> bool:
        """Whether a gateway has still to carry it out."""
        return self.finished_at is None
