"""Words between processes: who believes them, and how far apart two clocks may be."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from app.services import signed_caller
from app.services.signed_caller import MAX_SKEW, PREFIX, Forwarded

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER_KEY = "k" * 40, "o" * 40
HERE, THERE, CONTAINER = (uuid.UUID(int=number) for number in (1, 2, 3))
NOW = time.time()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda ahead: monkeypatch.setattr(time, "time", lambda: NOW + ahead)


@pytest.mark.parametrize("ahead", [0, -600, 600, MAX_SKEW - 1, 1 - MAX_SKEW])
def test_ten_minutes_between_two_clocks_change_nothing(clock: Callable[[float], None], ahead: float) -> None:
    clock(0)
    word = signed_caller.sign(KEY, "ann@example.org")
    forwarded = signed_caller.sign_forwarded(KEY, "ann", HERE, CONTAINER)
    clock(ahead)
    assert signed_caller.verify(KEY, word) == "ann@example.org"
    assert signed_caller.verify_forwarded(KEY, forwarded, HERE) == Forwarded("ann", CONTAINER)


@pytest.mark.parametrize("ahead", [MAX_SKEW + 1, -MAX_SKEW - 1])
def test_an_old_word_is_not_believed(clock: Callable[[float], None], ahead: float) -> None:
    clock(0)
    word = signed_caller.sign(KEY, "ann@example.org")
    forwarded = signed_caller.sign_forwarded(KEY, "ann", HERE, CONTAINER)
    clock(ahead)
    assert signed_caller.verify(KEY, word) is None
    assert signed_caller.verify_forwarded(KEY, forwarded, HERE) is None


def test_a_word_is_for_one_ear_and_of_one_key() -> None:
    word = signed_caller.sign(KEY, "ann@example.org")
    forwarded = signed_caller.sign_forwarded(KEY, "ann", HERE, CONTAINER)
    assert signed_caller.verify(OTHER_KEY, word) is None
    assert signed_caller.verify(KEY, forwarded) is None
    assert signed_caller.verify_forwarded(OTHER_KEY, forwarded, HERE) is None
    assert signed_caller.verify_forwarded(KEY, forwarded, THERE) is None
    assert signed_caller.verify_forwarded(KEY, word, HERE) is None


@pytest.mark.parametrize("token", ["", PREFIX, PREFIX + "x.y", "acp_token"])
def test_what_is_no_word_is_not_believed(token: str) -> None:
    assert signed_caller.verify(KEY, token) is None
    assert signed_caller.verify_forwarded(KEY, token, HERE) is None
