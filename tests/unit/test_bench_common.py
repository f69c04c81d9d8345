"""The benchmarks' arithmetic: a wrong median would make every promise with a number worthless."""

from __future__ import annotations

import pytest

from bench.common import Limit, line, machine, median_of_runs, percentile, rate


def test_the_median_leaves_out_the_warm_up_and_outliers() -> None:
    measured = iter([1000.0, 3.0, 900.0, 2.0, 1.0, 4.0])
    assert median_of_runs(lambda: next(measured)) == 3.0
    assert next(measured, None) is None


def test_a_rate_counts_what_was_done_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert rate(lambda: 5000) == 2000.0


@pytest.mark.parametrize(("percent", "value"), [(50, 50.5), (99, 99.01), (1, 1.99)])
def test_percentiles_of_one_to_a_hundred(percent: int, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == pytest.approx(value)


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (41_234.5, Limit("bare COPY", 58_000.0), "x: 41,234 ms, ratio 0.71 of bare COPY (58,000 ms)"),
        (1.2345, None, "x: 1.23 ms"),
        (0.00031, None, "x: 0.00031 ms"),
    ],
)
def test_a_result_is_one_line(value: float, limit: Limit | None, text: str) -> None:
    assert line("x", value, "ms", limit) == text


@pytest.mark.parametrize(("load", "noisy"), [(0.2, False), (1.9, True)])
def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch, load: float, *, noisy: bool) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert ("ratios only" in machine()) == noisy
