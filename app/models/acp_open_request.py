"""AcpOpenRequest: a request that no record answers yet, narrow, to be found at once."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AcpOpenRequest(Base):
    """Begun by a request's record and ended by the one that answers it, by triggers on `acp_message`.

    Nobody else writes here. `id` is the record's. The gateway's own health requests are left out.
    """

    __tablename__ = "acp_open_request"
    __table_args__ = (
        Index("ix_acp_open_request_connection_id", "connection_id", "id"),
        Index("ix_acp_open_request_method", "method", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("acp_connection.id", ondelete="CASCADE"))
    direction: Mapped[str]
    method: Mapped[str | None]
