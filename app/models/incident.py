"""Incident: messages, states and changes of some time, under a link that expires and can be revoked."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, func, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, one_of
from app.models.container import Container
from app.protocol.audience import Audience

incident_container = Table(
    "incident_container",
    Base.metadata,
    Column("incident_id", UUID, ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True),
    Column("container_id", UUID, ForeignKey("container.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_incident_container_container_id", "container_id"),
)


class Incident(Base):
    """What a link shows: records of some containers (or, with `whole_fleet`, of all) in a time, by a filter.

    It holds no copies: what is removed is gone from it, too. The link's secret is not stored, its SHA-256 is.
    """

    __tablename__ = "incident"
    __table_args__ = (
        one_of("audience", Audience, "audience_valid"),
        CheckConstraint("ends_at > begins_at", name="ends_after_it_begins"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
    )

    id: Mapped[Id]
    title: Mapped[str]
    reason: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]
    begins_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    filter: Mapped[str] = mapped_column(server_default="")
    whole_fleet: Mapped[bool] = mapped_column(server_default=text("false"))
    audience: Mapped[str] = mapped_column(server_default="signed_in")
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[dt.datetime] = mapped_column()
    revoked_at: Mapped[dt.datetime | None]
    revoked_by: Mapped[str | None]
    expired: Mapped[bool] = column_property(expires_at <= func.now())
    """As of the reading, by the database's clock."""

    containers: Mapped[list[Container]] = relationship(
        secondary=incident_container, order_by=Container.name, passive_deletes=True
    )
    notes: Mapped[list[IncidentNote]] = relationship(passive_deletes=True, order_by="IncidentNote.id")

    @property
    def open(self) -> bool:
        """Whether its link shows it."""
        return self.revoked_at is None and not self.expired

    @property
    def for_anyone(self) -> bool:
        """Whether its link needs no signing in."""
        return self.audience == Audience.ANYONE


class IncidentNote(Base):
    """What somebody has found out, redacted like a record. Append-only for people."""

    __tablename__ = "incident_note"
    __table_args__ = (Index("ix_incident_note_incident_id", "incident_id", "id"),)

    id: Mapped[Id]
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    at: Mapped[CreatedAt]
    author: Mapped[str]
    text: Mapped[str]
