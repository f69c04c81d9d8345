"""What of a new protocol is worse than is allowed, measured against the old one."""

from __future__ import annotations

import pytest

from app.protocol.explanations import explain
from app.protocol.strategies import Verification
from app.protocol.verification import UNNOTICED_MS, Measured, judge

ALLOWED = Verification(max_error_rate=0.1, min_sample=10, max_latency_ratio=2.0)
GOOD = Measured(protocol="http", pings=3, ping_ms=100.0, requests=100, errors=1, request_ms=1_000.0)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        pytest.param(GOOD, GOOD, None, id="as before"),
        pytest.param(Measured(), Measured(), None, id="nothing was seen"),
        pytest.param(
            GOOD,
            Measured(pings=3, requests=9, errors=3),
            "3 of 12 requests failed (25.0%); 10.0% is allowed",
            id="errors",
        ),
        pytest.param(GOOD, Measured(pings=3, requests=6, errors=6), None, id="too few to judge"),
        pytest.param(
            Measured(requests=10, errors=5),
            Measured(requests=10, errors=5),
            None,
            id="the old one was as bad",
        ),
        pytest.param(
            GOOD,
            Measured(pings=3, ping_ms=200.1),
            "a health ping took 200.1 ms in the median; 200.0 ms is allowed, the old protocol took 100.0 ms",
            id="slow pings",
        ),
        pytest.param(GOOD, Measured(pings=3, ping_ms=200.0), None, id="just as slow as is allowed"),
        pytest.param(
            Measured(ping_ms=0.3), Measured(ping_ms=UNNOTICED_MS), None, id="a multiple that nobody notices"
        ),
        pytest.param(Measured(), Measured(ping_ms=9_000.0), None, id="nothing to compare with"),
        pytest.param(
            GOOD,
            Measured(requests=10, request_ms=3_000.0),
            "callers' requests took 3000.0 ms in the median; 2000.0 ms is allowed, the old protocol took"
            " 1000.0 ms",
            id="slow requests",
        ),
        pytest.param(GOOD, Measured(requests=9, request_ms=3_000.0), None, id="too few slow requests"),
    ],
)
def test_what_is_worse(before: Measured, after: Measured, problem: str | None) -> None:
    assert judge(before, after, ALLOWED) == problem
    assert problem is None or explain(problem)


def test_what_was_measured_is_read_as_it_was_written() -> None:
    assert Measured.of(GOOD.as_dict()) == GOOD
    assert Measured.of(None) == Measured()
