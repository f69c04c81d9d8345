"""What each limit says beside what is measured."""

from __future__ import annotations

import pytest

from app.protocol.rollout_gauges import Reading, gauges
from app.protocol.rollout_judgement import Evidence, too_bad
from app.protocol.rollout_plan import Limits, RolloutPlan
from app.protocol.rollout_states import PartState

OFF = Limits(failures=None, failure_rate=None, success=None, latency_ratio=None, no_data=False)


@pytest.mark.parametrize(
    ("limits", "failed", "completed", "evidence", "readings"),
    [
        (OFF, 3, 1, Evidence(silent=1), "off off off off off"),
        (Limits(), 0, 0, Evidence(), "within early early early within"),
        (Limits(), 1, 18, Evidence(requests=19), "crossed early early early within"),
        (Limits(failures=3), 2, 18, Evidence(requests=100, errors=1), "within crossed within early within"),
        (Limits(), 0, 40, Evidence(requests=100, errors=2), "within within crossed early within"),
        (Limits(), 0, 1, Evidence(latency_ratio=3.1, latency_sample=1), "within early early crossed within"),
        (
            Limits(latency_sample=5),
            0,
            1,
            Evidence(latency_ratio=9, latency_sample=4),
            "within early early early within",
        ),
    ],
)
def test_readings_are_what_the_controller_judges(
    limits: Limits, failed: int, completed: int, evidence: Evidence, readings: str
) -> None:
    parts = {PartState.FAILED: failed, PartState.COMPLETED: completed}
    found = list(gauges(limits, parts, evidence))
    assert [each.reading for each in found] == readings.split()
    judged = too_bad(RolloutPlan(limits=limits), parts, evidence, baked=False)
    assert (judged is not None) is any(each.reading is Reading.CROSSED for each in found)


def test_no_data_counts_once_it_has_baked() -> None:
    parts, evidence = {PartState.COMPLETED: 3}, Evidence(silent=2)
    before, after = (next(gauges(Limits(), parts, evidence, baked=baked)) for baked in (False, True))
    assert (before.now, before.reading) == ("0", Reading.WITHIN)
    assert (after.now, after.reading) == ("2", Reading.CROSSED)
