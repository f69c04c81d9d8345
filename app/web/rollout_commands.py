"""Rollouts on the command line: what their forms and buttons would be as a command to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol.rollout_plan import RolloutPlan
from app.protocol.rollout_states import Control
from app.web.command_line import OPTIONS, command, options

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.web.forms.rollout import PlanForm
    from app.web.listing import Listing

WHY = "--reason=WHY"


def create(form: PlanForm, plan: RolloutPlan, count: int) -> str:
    """Return the command that makes the same rollout, as a draft; what is as usual is left away."""
    found = _plan(plan)
    usual = _plan(RolloutPlan())
    words = [
        *options(form.conditions.in_url(), OPTIONS["containers"]),
        *(f"--{name}={value}" for name, value in found.items() if value != usual[name]),
        *(f"--canary={name}" for name in plan.canaries),
        *(["--late-joiners"] if plan.late_joiners else []),
        *([] if plan.limits.no_data else ["--ignore-silence"]),
    ]
    if plan.represent != RolloutPlan().represent and not plan.canaries:
        words += [f"--represent={each}" for each in plan.represent]
    return command("rollouts", "create", form.name.data or "NAME", *words, f"--count={count}", WHY)


def _plan(plan: RolloutPlan) -> dict[str, str]:
    limits, window = plan.limits, plan.window
    opens = f"{','.join(window.days)} {window.begins}-{window.ends} {window.zone}" if window else ""
    return {
        "to": plan.to_protocol,
        "waves": plan.waves,
        "bake": str(plan.bake_seconds),
        "concurrency": str(plan.concurrency),
        "pause-after": plan.pause_after,
        "window": opens,
        "strategy": str(plan.migration.strategy),
        "drain": str(plan.migration.drain_seconds),
        "max-failures": _limit(limits.failures),
        "max-failure-rate": _limit(limits.failure_rate),
        "failure-sample": str(limits.failure_sample),
        "min-success": _limit(limits.success),
        "success-sample": str(limits.success_sample),
        "max-latency-ratio": _limit(limits.latency_ratio),
        "crossed": str(limits.crossed),
    }


def _limit(value: float | None) -> str:
    return "off" if value is None else f"{value:g}"


def listed(listing: Listing) -> str:
    """Return the command that lists the same; it has them the newest first."""
    return command("rollouts", "list", *options(listing.narrowed, {}))


def control(rollout_id: uuid.UUID, asked: Control, count: int | None, names: Sequence[str] = ()) -> str:
    """Return the command that asks the same of a rollout; `names` are those that are taken back."""
    back = {Control.ROLL_BACK, Control.ROLL_BACK_SOME}
    numbered = [] if count is None else [f"--count={count}"]
    only = [f"--container={name}" for name in names]
    return command(
        "rollouts", "rollback" if asked in back else str(asked), str(rollout_id), *only, *numbered, WHY
    )
