"""What aborting a rollout, or rolling it back, will do to its containers: told before it is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.protocol.rollout_states import MOVING, Control, PartState
from app.queries import rollouts as stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import Rollout


class Consequence(NamedTuple):
    """What a control does to some containers: how many, which, in words."""

    number: int
    which: str
    what: str


def of(session: Session, rollout: Rollout, control: Control) -> Sequence[Consequence]:
    """Say it of finished, running and waiting containers; of other controls there is nothing to say."""
    if control not in {Control.ABORT, Control.ROLL_BACK}:
        return []
    counted, to = stored.total(stored.counts(session, rollout.id)), rollout.to_protocol
    done, moving = counted[PartState.COMPLETED], sum(counted[each] for each in MOVING)
    back = counted[PartState.ROLLING_BACK] + counted[PartState.RETURNING]
    waiting, failed = counted[PartState.WAITING], counted[PartState.FAILED]
    left = Consequence(failed, "failed", "stay on the protocol that they went back to")
    if control is Control.ABORT:
        told = [
            Consequence(done, "finished", f"stay on {to}; they can be rolled back afterwards"),
            Consequence(moving, "running", "end as they would have: nothing is interrupted half-way"),
            Consequence(waiting, "waiting", "are not begun, and cannot be any more in this rollout"),
            left,
        ]
    else:
        early = stored.cancellable(session, rollout.id)
        told = [
            Consequence(done, "finished", "are taken back, as many at a time as the plan allows"),
            Consequence(early, "running, not switched yet", f"are cancelled at once, and never get to {to}"),
            Consequence(
                max(0, counted[PartState.RUNNING] - early),
                "running, switched already",
                f"end first; those that stay on {to} are taken back then",
            ),
            Consequence(back, "on their way back", "go on as they do"),
            Consequence(waiting, "waiting", "are not begun; a retry would begin them"),
            left,
        ]
    return [each for each in told if each.number]
