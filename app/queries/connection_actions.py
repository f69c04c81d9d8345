"""What operators asked of a container's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from app.errors import NotFound
from app.models import ConnectionAction
from app.protocol.states import ActionKind
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

HOLDS = and_(ConnectionAction.kind == fixed(ActionKind.DISCONNECT), ConnectionAction.released_at.is_(None))
"""The condition of `uq_connection_action_one_hold`."""


def get(session: Session, action_id: uuid.UUID) -> ConnectionAction:
    """Return an action as it is stored now.

    Raises:
        NotFound: there is none; its container may have been removed.
    """
    action = session.get(ConnectionAction, action_id, populate_existing=True)
    if action is None:
        raise NotFound(f"there is no action {action_id}")
    return action


def pending(session: Session, container_id: uuid.UUID) -> Sequence[ConnectionAction]:
    """Return what concerns a container's gateway now, the oldest first: open actions, and the hold."""
    return pending_of_many(session, [container_id])


def pending_of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[ConnectionAction]:
    """Return the same of many containers."""
    return session.scalars(
        select(ConnectionAction)
        .where(ConnectionAction.container_id == func.any(list(container_ids)))
        .where(or_(ConnectionAction.finished_at.is_(None), HOLDS))
        .order_by(ConnectionAction.id)
    ).all()


def hold_of(session: Session, container_id: uuid.UUID) -> ConnectionAction | None:
    """Return the action that keeps a container disconnected."""
    return session.scalar(
        select(ConnectionAction).where(ConnectionAction.container_id == container_id, HOLDS)
    )


def of_container(session: Session, container_id: uuid.UUID, limit: int = 5) -> Sequence[ConnectionAction]:
    """Return a container's latest actions, the newest first."""
    return session.scalars(
        select(ConnectionAction)
        .where(ConnectionAction.container_id == container_id)
        .order_by(ConnectionAction.id.desc())
        .limit(limit)
    ).all()
