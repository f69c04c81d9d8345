"""FleetAction: one action that an operator asked of many containers at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, one_of
from app.protocol.states import ActionKind


class FleetAction(Base):
    """Why and of how many it was asked; each container's own part is a `connection_action` that names it.

    `left_out` has the names of those it was not asked of, by the reason.
    """

    __tablename__ = "fleet_action"
    __table_args__ = (one_of("kind", ActionKind, "kind_valid"),)

    id: Mapped[Id]
    kind: Mapped[str]
    reason: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    asked: Mapped[int]
    left_out: Mapped[dict[str, Any]]
