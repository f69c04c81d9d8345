from __future__ import annotations

import pytest

from app.protocol.endings import CLOSE_CODES, Ending

PARTICULARS = {"seconds": 7.0, "why": "x", "attempts": 3}


@pytest.mark.parametrize("ending", Ending)
def test_each_end_says_who_with_what_code_why_what_it_means_and_what_to_do(ending: Ending) -> None:
    assert ending.by in ("us", "peer", "network")
    assert ending.code == 0 or ending.code in CLOSE_CODES
    assert "{" not in ending.told(**PARTICULARS)
    assert ending.meaning
    assert ending.advice


def test_no_two_ends_are_told_alike() -> None:
    assert len({ending.sentence for ending in Ending}) == len(Ending)
