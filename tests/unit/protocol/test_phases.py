"""The way over the phases, as it is shown: walked over the whole table of moves."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from app.protocol.phases import planned, way
from app.protocol.states import MIGRATION_MOVES, MigrationPhase, check_migration_move
from app.protocol.strategies import Plan, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

PLANS = [
    Plan(),
    Plan.immediate(),
    Plan(strategy=Strategy.MANUAL),
    Plan(strategy=Strategy.MANUAL, drain_seconds=0),
]


def walks(been: tuple[MigrationPhase, ...]) -> Iterator[tuple[MigrationPhase, ...]]:
    yield been
    for target in sorted(MIGRATION_MOVES[been[-1]]):
        yield from walks((*been, target))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.strategy}-{plan.drain_seconds}")
def test_what_is_planned_is_legal(plan: Plan) -> None:
    phases = planned(plan)
    for current, target in pairwise(phases):
        check_migration_move(current, target)
    assert (MigrationPhase.PREPARED in phases) == (plan.strategy is Strategy.MANUAL)
    assert [each.standing for each in way(plan, [])] == ["now", *["ahead"] * (len(phases) - 1)]


@pytest.mark.parametrize("been", list(walks((MigrationPhase.PENDING,))), ids=lambda been: been[-1])
def test_every_walk_is_shown_whole_with_one_now_until_it_ends(been: tuple[MigrationPhase, ...]) -> None:
    for plan in PLANS:
        stations = way(plan, [*been, been[-1]])  # a retry enters its phase again
        ended = not MIGRATION_MOVES[been[-1]]
        assert tuple(each.phase for each in stations if each.standing != "ahead") == been
        assert [each.standing for each in stations].count("now") == (not ended)
        assert ended == (stations[-1].standing == "done")
