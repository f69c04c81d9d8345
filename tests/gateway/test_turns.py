"""A storm of dials is spread evenly; a lone dial does not wait."""

from __future__ import annotations

import pytest

from app.gateway.turns import Turns


def test_many_at_once_come_one_after_the_other_and_a_lone_one_at_once() -> None:
    turns = Turns(per_second=100)
    assert turns.reserve(5.0) == 5.0
    assert turns.reserve(7.0) == 7.0  # the beat has passed meanwhile
    storm = [turns.reserve(9.0) for _ in range(30)]
    assert storm == pytest.approx([9.0 + number / 100 for number in range(30)])
    assert turns.reserve(9.0) == pytest.approx(9.3)
