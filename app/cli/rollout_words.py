"""What the command line says of rollouts, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.queries import rollout_containers
from app.queries import rollouts as queries
from app.queries.paging import Where
from app.queries.rollout_containers import PartFilter
from app.services import rollouts as services
from app.services.rollout_plans import named

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import Rollout
    from app.queries.rollout_checks import Checked
    from app.queries.rollouts import Counts
    from app.services.rollout_plans import Preview

MOST: Final = 20_000
"""Parts that are told at once: as many as a rollout can have."""


def previewed(shown: Preview, checked: Checked) -> dict[str, Any]:
    """Return a preview as data."""
    found = [check.as_dict() | {"containers": list(names)} for check, names in checked.found.items()]
    return {
        "count": shown.total,
        "waves": [[each.name for each in wave] for wave in shown.waves],
        "canaries": sorted(shown.canaries),
        "represented": [each._asdict() for each in shown.shares],
        "left_out": {why: [each.name for each in them] for why, them in shown.left_out.items()},
        "preflight": {"asked": checked.asked, "clear": checked.clear, "found": found},
    }


def preview_lines(shown: Preview, checked: Checked) -> str:
    """Return it for people."""
    waves = [
        f"wave {number}: {len(wave)} containers: {named([each.name for each in wave])}"
        for number, wave in enumerate(shown.waves, 1)
    ]
    shares = [
        f"  {each.what}: {each.of_all:.0%} of all, {each.of_canaries:.0%} of the canaries"
        for each in shown.shares[:10]
    ]
    left = [
        f"left out, {why}: {', '.join(each.name for each in them)}" for why, them in shown.left_out.items()
    ]
    found = [
        f"preflight {check.verdict}s, {check.title}: {check.reason}; {check.remedy}: {named(names)}"
        for check, names in checked.found.items()
    ]
    passed = f"preflight: {checked.clear} of {checked.asked} pass, by what is stored"
    confirm = f"{shown.total} take part; create it with --count {shown.total}"
    return "\n".join([*waves, *shares, *left, *found, passed, confirm])


def row(rollout: Rollout, counted: Counts) -> dict[str, Any]:
    """Return a rollout's line as data."""
    return {
        "id": rollout.id,
        "name": rollout.name,
        "to_protocol": rollout.to_protocol,
        "state": rollout.state,
        "state_reason": rollout.state_reason,
        "created_by": rollout.created_by,
        "created_at": rollout.created_at,
        "started_at": rollout.started_at,
        "ended_at": rollout.ended_at,
        "containers": {str(state): number for state, number in counted.items()},
    }


def line(rollout: Rollout, counted: Counts) -> str:
    """Return a rollout's line for people."""
    numbers = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(counted.items()))
    state = rollout.state.replace("_", " ")
    return f"{rollout.id}  {rollout.name:24} → {rollout.to_protocol:4} {state:12} {numbers}"


def shown(session: Session, rollout: Rollout, *, with_parts: bool) -> dict[str, Any]:
    """Return all that `rollouts show` says."""
    counted = queries.counts(session, rollout.id)
    told = row(rollout, queries.total(counted)) | {"reason": rollout.reason, "plan": rollout.plan}
    told["waves"] = [
        {
            "number": each.number,
            "state": each.state,
            "why": each.why,
            "containers": {str(state): number for state, number in counted.get(each.number, {}).items()},
        }
        for each in queries.waves(session, rollout.id)
    ]
    told["controls"] = {str(control): why for control, why in services.obstacles(session, rollout).items()}
    told["events"] = [
        {"at": each.at, "what": each.what, "by": each.actor, "wave": each.wave, "detail": each.detail}
        for each in queries.events(session, rollout.id, limit=20)
    ]
    told["notifications"] = [
        {
            "id": each.id,
            "event": each.event,
            "attempts": each.attempts,
            "delivered_at": each.delivered_at,
            "last_error": each.last_error,
        }
        for each in queries.deliveries(session, rollout.id)
    ]
    if with_parts:
        where = Where.of({}, rollout_containers.ORDERS)
        page = rollout_containers.page(session, rollout.id, PartFilter(), where, limit=MOST)
        told["parts"] = [each._asdict() for each in page.rows]
    return told


def lines(told: dict[str, Any]) -> str:
    """Return it for people."""
    said = [
        f"{told['name']} → {told['to_protocol']}: {told['state'].replace('_', ' ')}  {told['state_reason']}"
    ]
    for wave in told["waves"]:
        numbers = ", ".join(f"{number} {state}" for state, number in wave["containers"].items())
        said.append(f"wave {wave['number']}: {wave['state']:8} {numbers}  {wave['why'] or ''}".rstrip())
    said += [
        f"  {part['name']:30} {part['state']:12} attempts {part['attempts']}  {part['detail'] or ''}".rstrip()
        for part in told.get("parts", [])
    ]
    possible = ", ".join(name.replace("_", " ") for name, why in told["controls"].items() if why is None)
    return "\n".join([*said, f"can be done now: {possible or 'nothing'}"])
