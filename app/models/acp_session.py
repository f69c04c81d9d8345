"""AcpSession: what a list shows of a container's ACP session, kept by the rollups' worker."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import HOT_ROWS, Base

OTHER_SESSIONS: Final = ""
"""Stands for the sessions without a row of their own: strangers choose their ids, and how many there are."""

LONGEST_SESSION_ID: Final = 200
"""Characters of an id that has a row: the recorder cuts them so, and an index takes no long ones."""


class AcpSession(Base):
    """A session over all connections of a container: when it was first and last seen, and how much it has.

    `active_at` is behind `last_at` by half a minute at the most: an index entry does not move with every
    record.
    """

    __tablename__ = "acp_session"
    __table_args__ = (Index("ix_acp_session_active_at", "container_id", "active_at", "id"), HOT_ROWS)

    container_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("container.id", ondelete="CASCADE"), primary_key=True
    )
    session_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
    active_at: Mapped[dt.datetime]
    prompts: Mapped[int] = mapped_column(BigInteger)
    messages: Mapped[int] = mapped_column(BigInteger)
