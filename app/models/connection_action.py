"""ConnectionAction: what an operator wants done to a container's connection, and what came of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Id, one_of
from app.protocol.states import ActionKind

if TYPE_CHECKING:
    from app.models.container import Container


class ConnectionAction(Base):
    """An intent: written by the web or the command line, carried out by the gateway that holds the container.

    `gateway_id` and `epoch` say who has taken it last; a gateway that was killed leaves it to the next one.
    `outcome` says in words what came of it, `measured` what a probe has found. A `disconnect` is also the
    order to stay disconnected, until `released_at`.
    """

    __tablename__ = "connection_action"
    __table_args__ = (
        one_of("kind", ActionKind, "kind_valid"),
        CheckConstraint("(finished_at IS NULL) = (success IS NULL)", name="success_set_when_finished"),
        CheckConstraint("released_at IS NULL OR kind = 'disconnect'", name="only_a_disconnect_is_released"),
        Index("ix_connection_action_container_id", "container_id", "id"),
        Index(
            "uq_connection_action_one_open",
            "container_id",
            "kind",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index(
            "uq_connection_action_one_hold",
            "container_id",
            unique=True,
            postgresql_where=text("kind = 'disconnect' AND released_at IS NULL"),
        ),
        Index(
            "ix_connection_action_fleet_action_id",
            "fleet_action_id",
            "id",
            postgresql_where=text("fleet_action_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    container_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"))
    kind: Mapped[str]
    reason: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    # No foreign key: a gateway is struck off when it stops, and what it did stays.
    gateway_id: Mapped[uuid.UUID | None]
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    taken_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    success: Mapped[bool | None]
    outcome: Mapped[str | None]
    measured: Mapped[dict[str, Any] | None]
    released_at: Mapped[dt.datetime | None]
    # The action on many that it is a part of.
    fleet_action_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("fleet_action.id", ondelete="SET NULL")
    )

    container: Mapped[Container] = relationship()

    @property
    def open(self) -> bool:
        """Whether a gateway has still to carry it out."""
        return self.finished_at is None

    @property
    def holds(self) -> bool:
        """Whether it keeps its container disconnected."""
        return self.kind == ActionKind.DISCONNECT and self.released_at is None
