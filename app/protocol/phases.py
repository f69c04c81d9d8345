"""The way of a protocol migration over its phases: where it has been, where it is, and what is ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.protocol.states import MIGRATION_MOVES, MigrationPhase
from app.protocol.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.protocol.strategies import Plan


class Station(NamedTuple):
    """A phase on the way; `standing` is done, now or ahead."""

    phase: MigrationPhase
    standing: str


def planned(plan: Plan) -> Sequence[MigrationPhase]:
    """Return the phases of a migration that goes as planned."""
    phases = [MigrationPhase.PENDING, MigrationPhase.PREFLIGHT]
    if plan.strategy is Strategy.MANUAL:
        phases.append(MigrationPhase.PREPARED)
    if plan.drain_seconds:
        phases.append(MigrationPhase.DRAINING)
    return [*phases, MigrationPhase.SWITCHING, MigrationPhase.VERIFYING, MigrationPhase.COMPLETED]


def way(plan: Plan, entered: Sequence[str]) -> Sequence[Station]:
    """Return the way of a migration that has entered some phases, in their order.

    Of one that has left the plan, what is ahead is what can still come; of one that has ended, nothing is.
    """
    been = list(dict.fromkeys(MigrationPhase(each) for each in entered)) or [MigrationPhase.PENDING]
    now, ended = been[-1], not MIGRATION_MOVES[been[-1]]
    stations = [Station(each, "done") for each in been[:-1]]
    stations.append(Station(now, "done" if ended else "now"))
    if now is MigrationPhase.ROLLING_BACK:
        ahead: Sequence[MigrationPhase] = [MigrationPhase.ROLLED_BACK]
    else:
        plans = planned(plan)
        ahead = plans[plans.index(now) + 1 :] if now in plans else []
    return [*stations, *(Station(each, "ahead") for each in ahead)]
