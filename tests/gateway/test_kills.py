"""Nothing acknowledged is lost, nothing is there twice, whatever is killed; `make soak` kills more often."""

from __future__ import annotations

from tests.soak import kills

KILLS_EACH = 3


def test_ledgers_of_agent_and_callers_agree_with_the_records() -> None:
    outcome = kills.run(KILLS_EACH)
    assert list(outcome.faults) == []
    assert set(outcome.kills.values()) == {KILLS_EACH}
    assert outcome.answered > len(kills.KILLS) * KILLS_EACH * kills.BUSY
