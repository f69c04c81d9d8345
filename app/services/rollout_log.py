"""What is told of a rollout: its events, the audit trail, the doorbell, and notifications to a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.errors import Conflict, Invalid, Outdated
from app.models import RolloutEvent, WebhookDelivery, new_id
from app.protocol.rollout_states import RolloutState
from app.queries import rollouts
from app.services import audit, doorbell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.models import Rollout
    from app.services.actor import Actor

NOTIFIED: Final = frozenset(
    {
        RolloutState.PAUSED,
        RolloutState.ROLLING_BACK,
        RolloutState.COMPLETED,
        RolloutState.ABORTED,
        RolloutState.ROLLED_BACK,
    }
)
"""States of which a webhook is told: it waits for somebody, rolls back, or has ended."""


def check_reason(reason: str) -> str:
    """Return a reason without its margins. Raises Invalid where there is none."""
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    return reason.strip()


def check_count(concerned: int, typed: int) -> None:
    """Raise Conflict unless somebody has typed how many containers are concerned."""
    if concerned != typed:
        raise Conflict(f"{concerned} containers are concerned, not {typed}")


def check_same(now: str, shown: str | None) -> None:
    """Raise Outdated unless a set is the one that was shown."""
    if shown is not None and now != shown:
        raise Outdated("which containers take part has changed since it was shown")


def note(
    session: Session, rollout: Rollout, actor: Actor, what: str, detail: str = "", *, wave: int | None = None
) -> None:
    """Add an event and ring for those who look."""
    session.add(
        RolloutEvent(
            id=new_id(),
            rollout_id=rollout.id,
            actor=actor.name,
            origin=actor.origin,
            what=what,
            detail=detail,
            wave=wave,
        )
    )
    session.flush()
    doorbell.rollout(session, rollout.id)


def ring(session: Session, rollout: Rollout) -> None:
    """Say to those who look that there is something new."""
    doorbell.rollout(session, rollout.id)


def control(
    session: Session,
    rollout: Rollout,
    actor: Actor,
    what: str,
    *,
    reason: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add what somebody did to the events and to the audit trail, and wake the controller."""
    note(session, rollout, actor, what, reason)
    subject = ("rollout", rollout.id)
    audit.record(session, actor, f"rollout {what}", subject, reason=reason, before=before, after=after)
    doorbell.wake_rollouts(session)


def enter(session: Session, rollout: Rollout, state: RolloutState, why: str, actor: Actor) -> None:
    """Have a rollout be in a state, for a reason; of one that people wait for, the webhook is told."""
    now = rollouts.now(session)
    if rollout.state != state:
        rollout.changed_at = now
    rollout.state, rollout.state_reason = state, why
    ended = state in {RolloutState.COMPLETED, RolloutState.ABORTED, RolloutState.ROLLED_BACK}
    rollout.ended_at = now if ended else None
    session.flush()
    if state in NOTIFIED:
        _notify(session, rollout, actor)


def _notify(session: Session, rollout: Rollout, actor: Actor) -> None:
    counted = rollouts.total(rollouts.counts(session, rollout.id))
    body = {
        "rollout": {
            "id": str(rollout.id),
            "name": rollout.name,
            "to_protocol": rollout.to_protocol,
            "state": rollout.state,
            "reason": rollout.state_reason,
            "changed_at": rollout.changed_at.isoformat(),
        },
        "by": actor.name,
        "containers": {str(state): number for state, number in counted.items()},
    }
    event = f"rollout.{rollout.state}"
    session.add(WebhookDelivery(id=new_id(), rollout_id=rollout.id, event=event, body=body))
    session.flush()
    doorbell.wake_webhooks(session)
