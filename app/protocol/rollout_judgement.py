"""Whether a wave of a rollout is too bad to go on: what was found, held against the plan's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.protocol.rollout_states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.protocol.rollout_plan import Limits, RolloutPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured.

    `silent` is of how many containers of the present wave nothing was heard since they were moved. `requests`
    and `errors` are those of the last hour at all containers that the rollout has moved. `latency_ratio` is
    the median of how many times slower than before the containers of the present wave are, of
    `latency_sample` of them.
    """

    silent: int = 0
    requests: int = 0
    errors: int = 0
    latency_ratio: float | None = None
    latency_sample: int = 0


def too_bad(
    plan: RolloutPlan, parts: Mapping[PartState, int], evidence: Evidence, *, baked: bool
) -> str | None:
    """Return the first limit that is crossed, in words, None if none is.

    `parts` are the present wave's containers by state; `baked` says that its bake time is over, from when on
    no data counts as failure.
    """
    return next(_crossed(plan.limits, parts, evidence, baked=baked), None)


def _crossed(
    limits: Limits, parts: Mapping[PartState, int], evidence: Evidence, *, baked: bool
) -> Iterator[str]:
    failed = parts.get(PartState.FAILED, 0)
    ended = failed + parts.get(PartState.COMPLETED, 0)
    silent = evidence.silent if baked and limits.no_data else 0
    bad = failed + silent
    unheard = f", {silent} of them because nothing was heard of them in the bake time" if silent else ""
    if limits.failures is not None and bad >= limits.failures:
        yield f"{bad} failed{unheard} (limit: {limits.failures})"
    if (
        limits.failure_rate is not None
        and ended >= limits.failure_sample
        and bad / ended > limits.failure_rate
    ):
        yield f"{bad} of {ended} failed{unheard} (limit: {limits.failure_rate:.4g} of them)"
    yield from _measured(limits, evidence)


def _measured(limits: Limits, evidence: Evidence) -> Iterator[str]:
    if limits.success is not None and evidence.requests >= limits.success_sample:
        success = 1 - evidence.errors / evidence.requests
        if success < limits.success:
            told = f"{success * 100:.2f} % of the last hour's requests succeeded"
            yield f"{told} (limit: {limits.success * 100:g} %)"
    ratio = evidence.latency_ratio
    if (
        limits.latency_ratio is not None
        and ratio is not None
        and evidence.latency_sample >= limits.latency_sample
        and ratio > limits.latency_ratio
    ):
        yield f"the latency is {ratio:.1f} times what it was before (limit: {limits.latency_ratio:g} times)"
