"""What somebody may mean by a few letters or by an id that they have copied."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from app.models import AcpConnection, AcpMessage, Container, ContainerSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


class Hit(NamedTuple):
    """Something found: its kind (`container`, `connection` or `message`), its name, and a word about it."""

    kind: str
    id: uuid.UUID
    name: str
    about: str


def find(session: Session, text: str, *, limit: int = 10) -> Sequence[Hit]:
    """Return what an id names, or else the containers whose names hold the text, beginnings first."""
    text = text.strip().replace("\0", "")
    if not text:
        return []
    try:
        return _by_id(session, uuid.UUID(text))
    except ValueError:
        return _by_name(session, text, limit)


def _by_name(session: Session, text: str, limit: int) -> Sequence[Hit]:
    begins = Container.name.istartswith(text, autoescape=True)
    found = session.execute(
        select(Container.id, Container.name, ContainerSession.protocol_type)
        .join(ContainerSession, ContainerSession.container_id == Container.id)
        .where(Container.name.icontains(text, autoescape=True))
        .order_by(begins.desc(), Container.name)
        .limit(limit)
    )
    return [Hit("container", row.id, row.name, row.protocol_type.upper()) for row in found]


def _by_id(session: Session, wanted: uuid.UUID) -> Sequence[Hit]:
    if container := session.get(Container, wanted):
        return [Hit("container", wanted, container.name, "by its id")]
    if connection := session.get(AcpConnection, wanted):
        return [Hit("connection", wanted, connection.connection_id, f"connection, {connection.status}")]
    if message := session.scalar(select(AcpMessage).where(AcpMessage.id == wanted)):
        return [Hit("message", wanted, message.method or message.message_type, "message")]
    return []
