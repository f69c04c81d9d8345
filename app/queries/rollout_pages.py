"""What pages show of rollouts beside their list: those under way, and those that a container is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from app.models import Rollout, RolloutContainer
from app.protocol.rollout_states import LIVE, PartState
from app.queries import rollout_containers, rollouts
from app.queries.paging import Where

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.queries.rollout_containers import PartFilter, PartRow
    from app.queries.rollouts import Counts

MOST_SHOWN: Final = 20
LATEST_OF_CONTAINER: Final = 3
MOST_CHOSEN: Final = 500
"""Containers of which some are chosen to be taken back, on one page."""


class UnderWay(NamedTuple):
    """Rollouts that have begun and not ended, the newest first, each with its containers by state."""

    rollouts: Sequence[Rollout]
    counts: Mapping[uuid.UUID, Counts]


class Part(NamedTuple):
    """A container's part in a rollout."""

    rollout: Rollout
    part: RolloutContainer


def under_way(session: Session) -> UnderWay:
    """Return what the overview mentions."""
    found = session.scalars(
        select(Rollout).where(Rollout.state.in_(LIVE)).order_by(Rollout.id.desc()).limit(MOST_SHOWN)
    ).all()
    counted = rollouts.counts_of_many(session, [each.id for each in found]) if found else {}
    return UnderWay(found, counted)


def of_container(session: Session, container_id: uuid.UUID) -> Sequence[Part]:
    """Return the latest rollouts that a container is part of, or is left out of; drafts are not yet any."""
    statement = (
        select(Rollout, RolloutContainer)
        .join(RolloutContainer, RolloutContainer.rollout_id == Rollout.id)
        .where(RolloutContainer.container_id == container_id, Rollout.started_at.is_not(None))
        .order_by(Rollout.id.desc())
        .limit(LATEST_OF_CONTAINER)
    )
    return [Part(*row) for row in session.execute(statement, execution_options={"populate_existing": True})]


def completed(session: Session, rollout_id: uuid.UUID, narrowed: PartFilter) -> Sequence[PartRow]:
    """Return containers that could be taken back, in the order of their turn, and one more than are shown."""
    where = Where("turn", falls=False)
    only = type(narrowed)(text=narrowed.text, wave=narrowed.wave, state=PartState.COMPLETED)
    return rollout_containers.page(session, rollout_id, only, where, limit=MOST_CHOSEN).rows


def names(session: Session, rollout_id: uuid.UUID, part_ids: Sequence[uuid.UUID]) -> Sequence[str]:
    """Return the names of containers that are part of a rollout and could be taken back."""
    part = RolloutContainer
    statement = select(part.name).where(
        part.rollout_id == rollout_id, part.id.in_(part_ids), part.state == PartState.COMPLETED
    )
    return session.scalars(statement.order_by(part.position)).all()
