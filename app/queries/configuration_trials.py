"""Trials of changed configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.errors import NotFound
from app.models import ConfigurationTrial

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def get(session: Session, trial_id: uuid.UUID) -> ConfigurationTrial:
    """Return a trial as it is stored now.

    Raises:
        NotFound: there is none; its container may have been removed.
    """
    trial = session.get(ConfigurationTrial, trial_id, populate_existing=True)
    if trial is None:
        raise NotFound(f"there is no trial {trial_id}")
    return trial


def open_of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[ConfigurationTrial]:
    """Return what the gateways of some containers have still to try: one of each at the most."""
    return session.scalars(
        select(ConfigurationTrial).where(
            ConfigurationTrial.container_id.in_(container_ids), ConfigurationTrial.finished_at.is_(None)
        )
    ).all()


def of_container(session: Session, container_id: uuid.UUID, limit: int = 3) -> Sequence[ConfigurationTrial]:
    """Return a container's latest trials, the newest first."""
    return session.scalars(
        select(ConfigurationTrial)
        .where(ConfigurationTrial.container_id == container_id)
        .order_by(ConfigurationTrial.id.desc())
        .limit(limit)
    ).all()
