from __future__ import annotations

from pathlib import Path

import pytest

from app.protocol.reasons import Reason

APP = Path(__file__).parents[3] / "app"
SOURCE = "\n".join(path.read_text() for path in APP.rglob("*.py") if path.name != "reasons.py")


def test_each_says_something_else() -> None:
    assert len({reason.sentence for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_each_is_given_somewhere_and_is_told_in_one_line(reason: Reason) -> None:
    assert f"Reason.{reason.name}" in SOURCE
    told = f"{reason.sentence}; {reason.advice}"
    assert told.isprintable()
    assert not told.endswith(".")
