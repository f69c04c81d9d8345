"""Work behind the recorder has half of the time, and next to nothing while records come fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.gateway import background
from app.gateway.background import BUSY_RATE, BUSY_SHARE, SHARE, Background

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recording:
    stored = 0


@pytest.mark.parametrize(
    ("a_second", "share"), [(0, SHARE), (BUSY_RATE - 1, SHARE), (BUSY_RATE, BUSY_SHARE), (20_000, BUSY_SHARE)]
)
def test_the_pause_leaves_the_share_that_the_rate_of_records_allows(
    a_second: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Iterator[float] = iter([100.0, 110.0])
    monkeypatch.setattr(background.time, "monotonic", lambda: next(clock))
    recording = Recording()
    behind = Background(recording)
    recording.stored = int(a_second * 10)
    assert 2.0 / (2.0 + behind.pause_after(2.0)) == pytest.approx(share)
