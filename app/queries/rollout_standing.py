"""How far a rollout has come, read once for all that goes by it: buttons, services, its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.queries import rollouts

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Rollout, RolloutWave
    from app.queries.rollouts import Counts


class Standing(NamedTuple):
    """A rollout, its waves in their order, its containers by wave and state, and the database's time."""

    rollout: Rollout
    waves: Sequence[RolloutWave]
    counts: Mapping[int | None, Counts]
    now: dt.datetime

    @property
    def present(self) -> RolloutWave | None:
        """The wave that is under way, or next."""
        return rollouts.present(self.waves)

    @property
    def total(self) -> Counts:
        """Its containers by state, those that are left out among them."""
        return rollouts.total(self.counts)


def read(session: Session, rollout_id: uuid.UUID) -> Standing:
    """Read it in four small queries. Raises NotFound."""
    return Standing(
        rollouts.get(session, rollout_id),
        rollouts.waves(session, rollout_id),
        rollouts.counts(session, rollout_id),
        rollouts.now(session),
    )
