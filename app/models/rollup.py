"""Rollups: messages counted by minute, hour and day, from which statistics are read."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import HOT_ROWS, Base

STEPS: Final = (1, 60, 24 * 60)
"""Minutes that a row may stand for."""
OTHER_METHODS: Final = "(other methods)"
"""Stands for the methods of a connection beyond the first so many: strangers choose them."""
NO_BOUND: Final = uuid.UUID(int=0)


class _Counted:
    """What all rollups have. `method` is empty for records without one, `bin` is of `protocol.latencies`."""

    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    message_type: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    bin: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    messages: Mapped[int] = mapped_column(BigInteger)
    errors: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


class MessageRollup(_Counted, Base):
    """What a connection exchanged in a minute, an hour or a day (`step`, in minutes) that began `at`."""

    __tablename__ = "message_rollup"
    __table_args__ = (
        CheckConstraint("step IN (1, 60, 1440)", name="step_valid"),
        Index("ix_message_rollup_step_at", "step", "at"),
        HOT_ROWS,
    )

    connection_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("acp_connection.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class FleetRollup(_Counted, Base):
    """The same of the whole fleet, by protocol: few rows, however many containers. Keeps what was removed."""

    __tablename__ = "fleet_rollup"
    __table_args__ = (CheckConstraint("step IN (1, 60, 1440)", name="step_valid"), HOT_ROWS)

    transport: Mapped[str] = mapped_column(primary_key=True, sort_order=1)


class RollupProgress(Base):
    """How far a connection's messages are rolled up: to which `seq`, and where to look for the next by id.

    `methods` are those that its rollups name. The same for the ACP sessions, which are never further than the
    rollups; `sessions` is how many rows of them began with this connection.
    """

    __tablename__ = "rollup_progress"
    __table_args__ = ({"postgresql_with": {"fillfactor": 70}},)

    connection_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("acp_connection.id", ondelete="CASCADE"), primary_key=True
    )
    rolled_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    floor_id: Mapped[uuid.UUID] = mapped_column(
        server_default=text("'00000000-0000-0000-0000-000000000000'::uuid")
    )
    methods: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'::text[]"))
    sessions_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    sessions_floor_id: Mapped[uuid.UUID] = mapped_column(
        server_default=text("'00000000-0000-0000-0000-000000000000'::uuid")
    )
    sessions: Mapped[int] = mapped_column(server_default=text("0"))
