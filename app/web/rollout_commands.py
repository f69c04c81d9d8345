"""Rollouts on the command line: what their forms and buttons would be as a command to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol.rollout_states import Control
from app.web.command_line import OPTIONS, command, options

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.protocol.rollout_plan import RolloutPlan
    from app.web.forms.rollout import PlanForm

WHY = "--reason=WHY"


def create(form: PlanForm, plan: RolloutPlan, count: int) -> str:
    """Return the command that makes the same rollout; the limits and the window are left to its help."""
    given = {
        "to": plan.to_protocol,
        "waves": plan.waves,
        "bake-seconds": str(plan.bake_seconds),
        "concurrency": str(plan.concurrency),
        "pause-after": plan.pause_after,
        "strategy": plan.migration.strategy.value,
        "drain-seconds": str(plan.migration.drain_seconds),
    }
    words = [
        *options(form.conditions.in_url(), OPTIONS["containers"]),
        *(f"--{name}={value}" for name, value in given.items() if value),
        *(f"--canary={name}" for name in plan.canaries),
        *(["--late-joiners"] if plan.late_joiners else []),
    ]
    return command("rollouts", "create", form.name.data or "NAME", *words, f"--count={count}", WHY)


def control(rollout_id: uuid.UUID, asked: Control, count: int | None, names: Sequence[str] = ()) -> str:
    """Return the command that asks the same of a rollout; `names` are those that are taken back."""
    word = Control.ROLL_BACK if asked is Control.ROLL_BACK_SOME else asked
    numbered = [] if count is None else [f"--count={count}"]
    only = [f"--only={name}" for name in names]
    return command("rollouts", word.replace("_", "-"), str(rollout_id), *only, *numbered, WHY)
