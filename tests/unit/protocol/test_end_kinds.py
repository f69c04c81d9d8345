from __future__ import annotations

import pytest

from app.protocol.end_kinds import KINDS, of_reason, of_word, peer
from app.protocol.endings import Ending

PARTICULARS = {"why": "Connection reset: by 100% of peers", "seconds": 2.5, "attempts": 5}


@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_is_of_its_own_kind(ending: Ending) -> None:
    kind = of_reason(ending.told(**PARTICULARS))
    assert kind.word == ending.name.lower().replace("_", "-")
    assert (kind.by, kind.meaning, kind.advice) == (ending.by, ending.meaning, ending.advice)
    assert "{" not in kind.title
    assert of_word(kind.word) == kind


def test_a_title_has_no_particulars() -> None:
    titles = {word: kind.title for word, kind in KINDS.items()}
    assert titles["broken"] == "the connection broke without a close frame"
    assert titles["half-open"] == "half-open: a ping was not answered and nothing else came"
    assert titles["gave-up"] == "gave up"
    assert titles["idle"] == "nothing was received, pongs included"
    assert titles["mistake"] == "the gateway made a mistake; it is in its log"


@pytest.mark.parametrize(
    ("reason", "by", "code", "word"),
    [
        ("reconnect requested by ann: it hangs", None, None, "asked"),
        ("protocol migration to acp rolled back", "us", None, "migration"),
        ("the health check was answered with HTTP 500", "us", 0, "health"),
        ("closed with 1011", "peer", 1011, "peer-1011"),
        ("going home", None, None, "peer"),
        ("the gateway is stopping", "peer", 1001, "peer-1001"),  # what a container says of itself
    ],
)
def test_a_reason_is_sorted(reason: str, by: str | None, code: int | None, word: str) -> None:
    assert of_reason(reason, by, code).word == word


def test_a_close_code_is_told() -> None:
    assert peer(1011).title == "the container closed it with 1011"
    assert peer(1011).meaning == "the other side met an error of its own"
    assert peer(4999).meaning == "in the container's own words"


@pytest.mark.parametrize("word", ["", "nothing", "peer-", "peer-x", "peer-99999"])
def test_other_words_are_none(word: str) -> None:
    assert of_word(word) is None
