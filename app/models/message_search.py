"""The index behind searches in messages: blocks of records with the trigrams that stand in them (ADR 31)."""

from __future__ import annotations

import uuid

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

_IDS = ARRAY(UUID(as_uuid=True))


class MessageSearchBlock(Base):
    """Some 64 records that were committed at about the same time, and what can be looked for in them.

    `grams` are trigrams as numbers (`message_grams` in the database), and below zero the codes of
    app/queries/message_grams.py. Records that have been deleted since may still be named by `ids`.
    """

    __tablename__ = "message_search_block"
    __table_args__ = (
        Index(
            "ix_message_search_block_grams",
            "grams",
            "connections",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        ),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    first_id: Mapped[uuid.UUID]
    last_id: Mapped[uuid.UUID]
    ids: Mapped[list[uuid.UUID]] = mapped_column(_IDS)
    connections: Mapped[list[uuid.UUID]] = mapped_column(_IDS)
    grams: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class MessageSearchSlice(Base):
    """A run of blocks that is looked through at once, with its oldest and its newest record."""

    __tablename__ = "message_search_slice"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_id: Mapped[uuid.UUID]
    last_id: Mapped[uuid.UUID]


class MessageSearchCursor(Base):
    """How far a connection's records are in blocks; `last_seq` is None while more without numbers follow."""

    __tablename__ = "message_search_cursor"
    __table_args__ = ({"postgresql_with": {"fillfactor": 70}},)

    connection_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("acp_connection.id", ondelete="CASCADE"), primary_key=True
    )
    last_id: Mapped[uuid.UUID]
    last_seq: Mapped[int | None] = mapped_column(BigInteger)
