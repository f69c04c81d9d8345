"""Rollouts as drafts: stored with the set that was previewed, compared with another, joined by latecomers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select

from app.errors import Invalid
from app.models import Rollout, RolloutContainer, RolloutWave, new_id
from app.protocol.rollout_states import PartState, RolloutState
from app.services import rollout_log, rollout_plans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.protocol.rollout_plan import RolloutPlan
    from app.queries.rollout_selection import Candidate
    from app.services.actor import Actor
    from app.services.rollout_plans import Preview


class Changes(NamedTuple):
    """What differs from the stored set, by name."""

    joined: Sequence[str]
    gone: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.joined or self.gone)

    def __str__(self) -> str:
        told = (("joined", self.joined), ("no longer taking part", self.gone))
        return "; ".join(f"{len(names)} {how}: {rollout_plans.named(names)}" for how, names in told if names)


def create(
    session: Session,
    name: str,
    plan: RolloutPlan,
    *,
    count: int,
    digest: str | None,
    reason: str,
    actor: Actor,
) -> Rollout:
    """Store a rollout as a draft, with the set that was previewed; nothing is moved yet.

    `count` is how many the operator was told take part, `digest` the preview's, None where none was shown.

    Raises:
        Invalid: there is no name or reason, the plan breaks a rule, or nobody takes part.
        Conflict: the number is another.
        Outdated: the set is another than was previewed.
    """
    if not name.strip():
        raise Invalid("name", "give it a name, so that others know which it is")
    why = rollout_log.check_reason(reason)
    shown = rollout_plans.preview(session, plan)
    rollout_plans.check_confirmed(shown, count, digest)
    rollout = Rollout(
        id=new_id(),
        name=name.strip(),
        to_protocol=plan.to_protocol,
        plan=plan.as_dict(),
        reason=why,
        digest=shown.digest,
        created_by=actor.name,
        state=RolloutState.DRAFT,
    )
    session.add(rollout)
    session.flush()
    write_parts(session, rollout, shown)
    told = {"count": shown.total, "waves": [len(each) for each in shown.waves], "plan": rollout.plan}
    rollout_log.control(session, rollout, actor, "created", reason=why, after=told)
    return rollout


def changes(session: Session, rollout: Rollout, shown: Preview) -> Changes:
    """Say how a preview of now differs from the set that a draft has stored."""
    stored = select(RolloutContainer.name, RolloutContainer.container_id).where(
        RolloutContainer.rollout_id == rollout.id, RolloutContainer.wave.is_not(None)
    )
    before = {row.container_id or row.name: row.name for row in session.execute(stored)}
    now = {each.id: each.name for wave in shown.waves for each in wave}
    return Changes(
        sorted(name for each, name in now.items() if each not in before),
        sorted(name for each, name in before.items() if each not in now),
    )


def write_parts(session: Session, rollout: Rollout, shown: Preview) -> None:
    """Store the waves and each container's part, in place of those that a draft had."""
    for table in (RolloutContainer, RolloutWave):
        session.execute(delete(table).where(table.rollout_id == rollout.id))
    session.execute(
        insert(RolloutWave),
        [{"rollout_id": rollout.id, "number": number} for number in range(1, len(shown.waves) + 1)],
    )
    rows = [
        _part(rollout, each, position, wave=number, canary=each.name in shown.canaries)
        for position, (number, each) in enumerate(
            (number, each) for number, wave in enumerate(shown.waves, 1) for each in wave
        )
    ]
    rows += [
        _part(rollout, each, len(rows) + position, state=PartState.LEFT_OUT, detail=why)
        for position, (why, each) in enumerate(
            (why, each) for why, them in shown.left_out.items() for each in them
        )
    ]
    session.execute(insert(RolloutContainer), rows)
    rollout.digest = shown.digest


def _part(rollout: Rollout, of: Candidate, position: int, **values: object) -> dict[str, object]:
    default = {"wave": None, "canary": False, "late": False, "state": PartState.WAITING, "detail": None}
    return default | {
        "id": new_id(),
        "rollout_id": rollout.id,
        "container_id": of.id,
        "name": of.name,
        "position": position,
        **values,
    }


def join(
    session: Session, rollout: Rollout, wave: int, newcomers: Sequence[Candidate], position: int
) -> None:
    """Add late joiners to a wave, from a position on."""
    rows = [
        _part(rollout, each, position + number, wave=wave, late=True) for number, each in enumerate(newcomers)
    ]
    session.execute(insert(RolloutContainer), rows)
