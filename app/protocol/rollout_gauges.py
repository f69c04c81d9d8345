"""The limits of a rollout beside what is measured now: what a person has to see before a limit is crossed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from app.protocol.rollout_states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.protocol.rollout_judgement import Evidence
    from app.protocol.rollout_plan import Limits


class Reading(StrEnum):
    """What a limit says now: `early` is not judged yet, `off` is never judged."""

    WITHIN = "within"
    CROSSED = "crossed"
    EARLY = "early"
    OFF = "off"


class Gauge(NamedTuple):
    """A limit: what it is about, what is allowed, what is measured, and what comes of that."""

    what: str
    allowed: str
    now: str
    reading: Reading


def gauges(
    limits: Limits, parts: Mapping[PartState, int], evidence: Evidence, *, baked: bool = False
) -> Iterator[Gauge]:
    """Say it of each limit for the present wave, whose containers by state are `parts`.

    `baked` says that its bake time is over, from when on no data counts as failure.
    """
    failed = parts.get(PartState.FAILED, 0) + (evidence.silent if baked and limits.no_data else 0)
    ended = parts.get(PartState.FAILED, 0) + parts.get(PartState.COMPLETED, 0)
    yield _failures(limits, failed)
    yield _failure_rate(limits, failed, ended)
    yield _success(limits, evidence)
    yield _latency(limits, evidence)
    yield _silence(limits, evidence)


def _failures(limits: Limits, failed: int) -> Gauge:
    if limits.failures is None:
        return Gauge("Failed containers", "any number", f"{failed}", Reading.OFF)
    allowed = "none" if limits.failures == 1 else f"fewer than {limits.failures:,}"
    return Gauge("Failed containers", allowed, f"{failed}", _read(failed >= limits.failures))


def _failure_rate(limits: Limits, failed: int, ended: int) -> Gauge:
    now = f"{failed:,} of {ended:,}" + (f", {_percent(failed / ended)}" if ended else "")
    if limits.failure_rate is None:
        return Gauge("Part that failed", "any part", now, Reading.OFF)
    allowed = f"at most {_percent(limits.failure_rate)}, once {limits.failure_sample:,} have ended"
    early = ended < limits.failure_sample
    crossed = bool(ended) and failed / ended > limits.failure_rate
    return Gauge("Part that failed", allowed, now, _read(crossed, early=early))


def _success(limits: Limits, evidence: Evidence) -> Gauge:
    what, asked = "Requests that succeeded, last hour", evidence.requests
    success = 1 - evidence.errors / asked if asked else None
    now = f"{_percent(success)} of {asked:,}" if success is not None else "no requests"
    if limits.success is None:
        return Gauge(what, "any part", now, Reading.OFF)
    allowed = f"at least {_percent(limits.success)}, once there are {limits.success_sample:,}"
    early = asked < limits.success_sample
    return Gauge(what, allowed, now, _read(success is not None and success < limits.success, early=early))


def _latency(limits: Limits, evidence: Evidence) -> Gauge:
    what, ratio = "Latency against before", evidence.latency_ratio
    measured = f"{evidence.latency_sample:,} measured"
    now = f"{ratio:.1f} times, {measured}" if ratio is not None else "not measured"
    if limits.latency_ratio is None:
        return Gauge(what, "any", now, Reading.OFF)
    sample = "1 is" if limits.latency_sample == 1 else f"{limits.latency_sample:,} are"
    allowed = f"at most {limits.latency_ratio:g} times, once {sample} measured"
    early = ratio is None or evidence.latency_sample < limits.latency_sample
    return Gauge(what, allowed, now, _read(ratio is not None and ratio > limits.latency_ratio, early=early))


def _silence(limits: Limits, evidence: Evidence) -> Gauge:
    allowed = "counts as failed after the bake time" if limits.no_data else "does not count"
    now = f"{evidence.silent:,} not heard of"
    return Gauge("No data", allowed, now, Reading.WITHIN if limits.no_data else Reading.OFF)


def _read(crossed: bool, *, early: bool = False) -> Reading:  # noqa: FBT001 - the one thing it is about
    if early:
        return Reading.EARLY
    return Reading.CROSSED if crossed else Reading.WITHIN


def _percent(part: float) -> str:
    return f"{part * 100:.4g} %"
