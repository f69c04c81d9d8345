"""WebhookDelivery: a notification that waits until the receiver has taken it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class WebhookDelivery(Base):
    """Written in the transaction of what it tells; by its id a receiver drops what comes a second time.

    It is delivered, or given up, or waits until `next_at`. Where to is a setting, and nowhere in the
    database: such URLs are often secrets.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("delivered_at IS NULL OR given_up_at IS NULL", name="one_end"),
        Index(
            "ix_webhook_delivery_due",
            "next_at",
            postgresql_where=text("delivered_at IS NULL AND given_up_at IS NULL"),
        ),
        Index("ix_webhook_delivery_rollout_id", "rollout_id", "id"),
    )

    id: Mapped[Id]
    rollout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rollout.id", ondelete="CASCADE"))
    event: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    next_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_attempt_at: Mapped[dt.datetime | None]
    last_error: Mapped[str | None]
    delivered_at: Mapped[dt.datetime | None]
    given_up_at: Mapped[dt.datetime | None]

    @property
    def open(self) -> bool:
        """Whether it is still to be delivered."""
        return self.delivered_at is None and self.given_up_at is None
