"""docs/data-model.md says what is built: its diagrams are the live tables', its tables are the schema's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.models import Base
from app.protocol.rollout_states import (
    PART_MOVES,
    ROLLOUT_MOVES,
    WAVE_MOVES,
    PartState,
    RolloutState,
    WaveState,
)
from app.protocol.states import CONNECTION_MOVES, MIGRATION_MOVES, ConnectionStatus, MigrationPhase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

DOCS = Path(__file__).parents[2] / "docs"
PAGE, ROLLOUTS = ((DOCS / f"{name}.md").read_text() for name in ("data-model", "rollouts"))


def diagram(initial: StrEnum, moves: Mapping[StrEnum, frozenset[StrEnum]]) -> str:
    """Draw a table of moves as a mermaid state diagram, in the order of the enum's words."""
    words = list(type(initial))
    lines = [
        f"    {state} --> {target}" for state in words for target in words if target in moves.get(state, ())
    ]
    final = [f"    {state} --> [*]" for state in words if not moves[state]]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {initial}", *lines, *final, "```"])


@pytest.mark.parametrize(
    ("initial", "moves", "page"),
    [
        (ConnectionStatus.DISCONNECTED, CONNECTION_MOVES, PAGE),
        (MigrationPhase.PENDING, MIGRATION_MOVES, PAGE),
        (RolloutState.DRAFT, ROLLOUT_MOVES, ROLLOUTS),
        (WaveState.WAITING, WAVE_MOVES, ROLLOUTS),
        (PartState.WAITING, PART_MOVES, ROLLOUTS),
    ],
    ids=["connection", "protocol migration", "rollout", "wave", "container's part"],
)
def test_the_diagrams_are_drawn_from_the_tables_of_moves(
    initial: StrEnum, moves: Mapping[StrEnum, frozenset[StrEnum]], page: str
) -> None:
    assert diagram(initial, moves) in page  # where it is not, put there what this message shows


def test_the_page_about_migrations_shows_the_same_phases() -> None:
    page = (DOCS / "protocol-migrations.md").read_text()
    assert diagram(MigrationPhase.PENDING, MIGRATION_MOVES) in page
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE))))
    assert named == set(MigrationPhase)


def test_every_table_is_described() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(Base.metadata.tables)
