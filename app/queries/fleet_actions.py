"""An action on many containers, and what came of it at each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import case, func, select

from app.errors import NotFound
from app.models import ConnectionAction, Container, FleetAction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

SHOWN: Final = 200
"""Containers whose outcome is shown: those that failed first, then those under way."""


class Part(NamedTuple):
    """A container's part of it."""

    container_id: uuid.UUID
    name: str
    action: ConnectionAction


class Progress(NamedTuple):
    """How many parts have come how far."""

    under_way: int
    done: int
    failed: int

    @property
    def total(self) -> int:
        return self.under_way + self.done + self.failed


def get(session: Session, fleet_action_id: uuid.UUID) -> FleetAction:
    """Return an action on many.

    Raises:
        NotFound: there is none.
    """
    found = session.get(FleetAction, fleet_action_id)
    if found is None:
        raise NotFound(f"there is no action on many {fleet_action_id}")
    return found


def latest(session: Session, limit: int = 20) -> Sequence[FleetAction]:
    """Return the latest ones, the newest first."""
    return session.scalars(select(FleetAction).order_by(FleetAction.id.desc()).limit(limit)).all()


def progress(session: Session, fleet_action_id: uuid.UUID) -> Progress:
    """Count its parts. Those of containers that were removed since are gone."""
    success = ConnectionAction.success
    counted = select(
        func.count().filter(success.is_(None)),
        func.count().filter(success.is_(True)),
        func.count().filter(success.is_(False)),
    ).where(ConnectionAction.fleet_action_id == fleet_action_id)
    return Progress(*session.execute(counted).one())


def parts(session: Session, fleet_action_id: uuid.UUID, limit: int = SHOWN) -> Sequence[Part]:
    """Return what came of it at each container, what needs a look first, then by name."""
    rank = case((ConnectionAction.success.is_(False), 0), (ConnectionAction.success.is_(None), 1), else_=2)
    found = session.execute(
        select(Container.id, Container.name, ConnectionAction)
        .join(Container, Container.id == ConnectionAction.container_id)
        .where(ConnectionAction.fleet_action_id == fleet_action_id)
        .order_by(rank, Container.name)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [Part._make(row) for row in found]
