"""Any text in: never an exception out, and exactly one record of it (`make soak` feeds a million)."""

from __future__ import annotations

from itertools import islice
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.soak import core
from tests.soak.mutants import mutants

TEXTS = 5000


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False))
def test_damaged_frames_between_comings_and_goings(random: Random) -> None:
    """Hypothesis chooses, so that what fails is made small."""
    fed = core.Core()
    for text in islice(mutants(random), 20):
        fed.stir(random)
        fed.feed(random, text)


def test_many_damaged_frames() -> None:
    core.run(Random(5), TEXTS)  # noqa: S311 - a load, not a secret
