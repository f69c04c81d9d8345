"""AcpMessage: the record of one frame (data model: AcpMessage). Append-only."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, one_of
from app.protocol.classify import PING_METHOD
from app.protocol.states import Direction, MessageType

_PROMPTS: Final = text("method = 'session/prompt' AND rpc_kind = 'request'")


class AcpMessage(Base):
    """A frame as it stood between gateway and container, redacted.

    Beside the model: `seq` (gapless in its connection), `method`, `rpc_kind`, `rpc_id` (its JSON text),
    `acp_session_id`, `reply_to` (the request that this record answers), `caller` (who it was exchanged for)
    and `local` (exchanged between caller and gateway only; the container never saw it).
    """

    __tablename__ = "acp_message"
    __table_args__ = (
        one_of("direction", Direction, "direction_valid"),
        one_of("message_type", MessageType, "message_type_valid"),
        CheckConstraint("size > 0", name="size_positive"),
        CheckConstraint("processing_time >= 0", name="processing_time_not_negative"),
        Index("ix_acp_message_connection_id", "connection_id"),
        Index("ix_acp_message_message_type", "message_type"),
        Index("ix_acp_message_timestamp", "timestamp"),
        # Timelines read by it. Not unique on seq: that could not become range partitions by id, and the
        # lease's fence is what keeps two gateways from numbering at once.
        Index("ix_acp_message_connection_id_id", "connection_id", "id"),
        # Few: the list of the fleet's sessions is read by them.
        Index("ix_acp_message_prompt", "id", postgresql_where=_PROMPTS),
        Index("ix_acp_message_prompt_session", "acp_session_id", "id", postgresql_where=_PROMPTS),
        # What callers ask of agents, health requests left out: the last of a connection are looked through.
        Index(
            "ix_acp_message_caller_request",
            "connection_id",
            "id",
            postgresql_where=text(
                f"direction = 'outbound' AND rpc_kind = 'request' AND method <> '{PING_METHOD}'"
            ),
        ),
        Index("ix_acp_message_error", "id", postgresql_where=text("error")),
        Index("ix_acp_message_reply_to", "reply_to", postgresql_where=text("reply_to IS NOT NULL")),
    )

    id: Mapped[Id]
    connection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("acp_connection.id", ondelete="CASCADE"))
    direction: Mapped[str]
    message_type: Mapped[str]
    payload: Mapped[Any | None] = mapped_column(JSONB)
    timestamp: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    size: Mapped[int]
    processed: Mapped[bool] = mapped_column(default=False, server_default="false")
    processing_time: Mapped[int | None]
    error: Mapped[bool] = mapped_column(default=False, server_default="false")
    error_message: Mapped[str | None]

    seq: Mapped[int | None] = mapped_column(BigInteger)
    method: Mapped[str | None]
    rpc_kind: Mapped[str | None]
    rpc_id: Mapped[str | None]
    acp_session_id: Mapped[str | None]
    reply_to: Mapped[uuid.UUID | None]
    caller: Mapped[str | None]
    local: Mapped[bool] = mapped_column(default=False, server_default="false")
