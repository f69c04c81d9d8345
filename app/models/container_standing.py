"""ContainerStanding: what the list of containers is sorted and counted by, a narrow row for each (ADR 30)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import Computed, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import HOT_ROWS, Base

_URGENCY: Final = (
    "CASE status WHEN 'error' THEN 4 WHEN 'reconnecting' THEN 3 WHEN 'disconnected' THEN 2"
    " WHEN 'never' THEN 1 ELSE 0 END"
)


class ContainerStanding(Base):
    """A container's active connection, or else its latest one, as triggers on `acp_connection` keep it.

    Nobody else writes here. `status` is the connection's, or `never`; it, `error_count` and the container's
    `name` are exact. `active_at` is behind `last_active` by half a minute at the most, `latency_step` is a
    fifth of the logarithm of the latency: an index entry does not move with every record and every ping.
    """

    __tablename__ = "container_standing"
    __table_args__ = (
        Index("ix_container_standing_error_count", "error_count", "container_id"),
        Index("ix_container_standing_active_at", "active_at", "container_id"),
        Index("ix_container_standing_latency_step", "latency_step", "container_id"),
        Index("ix_container_standing_urgency", "urgency", "container_id"),
        Index("ix_container_standing_status_name", "status", "name"),
        HOT_ROWS,
    )

    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), primary_key=True
    )
    connection_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="never")
    error_count: Mapped[int] = mapped_column(server_default=text("0"))
    active_at: Mapped[dt.datetime] = mapped_column(server_default=text("to_timestamp(0)"))
    latency_step: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    urgency: Mapped[int] = mapped_column(SmallInteger, Computed(_URGENCY, persisted=True))
