"""The topics of rollouts: their list, and one with its waves, its limits and a page of its containers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from app.extensions import db
from app.live import rollout_fragments
from app.live.channels import Channel
from app.live.fragments import fragment
from app.live.lines import lines
from app.live.news import Fact
from app.queries import rollout_containers, rollout_standing, rollouts

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.live.channels import Bell, RolloutBell
    from app.live.news import News, Place
    from app.queries.paging import Where
    from app.queries.rollout_containers import PartFilter, PartRow
    from app.queries.rollout_list import RolloutFilter

BEAT: Final = 10.0
"""Seconds after which a rollout's page is read anew without a bell: requests and latencies ring none."""


class Rollouts(Channel):
    """The first page of the rollouts that a filter finds."""

    every = 1.0

    def __init__(self, narrowed: RolloutFilter, where: Where) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "where": where}

    def hear(self, bell: Bell) -> None:
        """A container's bell says nothing of a rollout."""

    def hear_rollout(self, _bell: RolloutBell) -> None:
        self._stale = True

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("rollout_list", self._subject)]


class RolloutPage(Channel):
    """A rollout, and a page of its containers; of those only the lines that have changed are sent.

    However many containers move at once, it is read four times a second at the most: counts by an index, and
    the rows of one page.
    """

    every = 0.25  # what has ended is to be shown within a second, most of which the machine's load may take

    _standing = ("rollout_state", "rollout_waves", "rollout_limits")
    _told = ("rollout_events", "rollout_deliveries")

    def __init__(self, rollout_id: uuid.UUID, narrowed: PartFilter, where: Where) -> None:
        super().__init__()
        rollouts.get(db.session(), rollout_id)
        self._rollout_id = rollout_id
        self._subject: dict[str, Any] = {"rollout_id": rollout_id, "narrowed": narrowed, "where": where}
        self._rows: dict[uuid.UUID, PartRow] = {}
        self._around: Sequence[object] = ()
        self._begun = False
        self._shown_containers: frozenset[uuid.UUID | None] = frozenset()
        self._beat_at = 0.0
        rollout_containers.page(db.session(), rollout_id, narrowed, where)  # refuses a cursor that is none

    def hear(self, bell: Bell) -> None:
        """Note how far a container has come whose line is shown; what came of it, the rollout's bell says."""
        moves = bell.connection_id is None and bell.container_id in self._shown_containers
        self._stale = self._stale or moves

    def hear_rollout(self, bell: RolloutBell) -> None:
        self._stale = self._stale or bell.rollout_id == self._rollout_id

    @property
    def stale(self) -> bool:
        return self._stale or time.monotonic() >= self._beat_at

    def due_in(self) -> float:
        beats_in = max(0.0, self._beat_at - time.monotonic())
        return min(super().due_in(), beats_in)

    def refresh(self) -> list[News]:
        if not self.stale:
            return []
        self._stale = True
        self._beat_at = time.monotonic() + BEAT
        return [*super().refresh(), *self._moved()]

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        subject = {"rollout_id": self._rollout_id}
        at = rollout_standing.read(db.session(), self._rollout_id)
        return [
            *((name, {**subject, "at": at}) for name in self._standing),
            *((name, subject) for name in self._told),
        ]

    def _moved(self) -> Sequence[News]:
        """Return the lines that have changed as one text; the table where other lines stand in it now."""
        shown = rollout_fragments.parts(db.session(), **self._subject)
        rows = {row.id: row for row in shown["rows"]}
        around = (shown["page"].before, shown["page"].after)
        before, self._rows = self._rows, rows
        self._shown_containers = frozenset(row.container_id for row in rows.values())
        same, self._around = around == self._around, around
        changed = [row for row in rows.values() if before.get(row.id) != row]
        if not self._begun or not same or list(before) != list(rows):
            self._begun = True
            return [self._table()]
        return [Fact(str(lines("rollouts/_part.html", changed)))] if changed else []

    def missed(self, place: Place, *, first: bool) -> list[News]:
        """Have the table rendered for a viewer who comes: nobody else needs it as a whole."""
        table = [self._table()] if first and self._begun else []
        return [*super().missed(place, first=first), *table]

    def _table(self) -> News:
        return Fact(str(fragment("rollout_parts", **self._subject)))
