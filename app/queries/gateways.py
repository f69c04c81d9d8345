"""Gateways: who holds a container, and all of them with their load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.models import ContainerLease, Gateway

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session


def holder(session: Session, container_id: uuid.UUID) -> Gateway | None:
    """Return the gateway that holds a container now, by the database's clock."""
    return session.scalar(
        select(Gateway)
        .join(ContainerLease, ContainerLease.gateway_id == Gateway.id)
        .where(ContainerLease.container_id == container_id)
        .where(ContainerLease.expires_at > func.clock_timestamp())
    )
