"""The outbox of notifications: taken for an attempt, then delivered, put off or given up.

Who takes some puts them off for longer than an attempt lasts, so that no other gateway tries them meanwhile
and one that dies delays them, and no more. A receiver may therefore get one twice, under the same id.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, select, update

from app.models import WebhookDelivery
from app.protocol import webhook
from app.services import doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

LEASE: Final = dt.timedelta(seconds=60)
NOWHERE: Final = "no webhook is set (CONSOLE_WEBHOOK_URL)"
_OPEN: Final = WebhookDelivery.delivered_at.is_(None) & WebhookDelivery.given_up_at.is_(None)


class Due(NamedTuple):
    """A notification to be sent now: its id, its event, the bytes of its body."""

    id: uuid.UUID
    event: str
    body: bytes


def take(session: Session, limit: int) -> list[Due]:
    """Take some that are due, the oldest first, and count the attempt."""
    chosen = (
        select(WebhookDelivery)
        .where(_OPEN, WebhookDelivery.next_at <= func.clock_timestamp())
        .order_by(WebhookDelivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    due: Sequence[WebhookDelivery] = session.scalars(chosen).all()
    for each in due:
        each.attempts += 1
    session.flush()
    taken = WebhookDelivery.id.in_([each.id for each in due])
    now = func.clock_timestamp()
    session.execute(update(WebhookDelivery).where(taken).values(last_attempt_at=now, next_at=now + LEASE))
    return [Due(each.id, each.event, _body(each)) for each in due]


def _body(delivery: WebhookDelivery) -> bytes:
    at = delivery.created_at.astimezone(dt.UTC).isoformat()
    return webhook.body_of(str(delivery.id), delivery.event, at, delivery.body)


def finish(session: Session, delivery_id: uuid.UUID, problem: str | None) -> None:
    """Write what came of an attempt: it was taken, or is tried again, or given up, with the reason."""
    delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if delivery is None or not delivery.open:
        return
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    delivery.last_error = problem
    again = webhook.retry_in(delivery.attempts, random.SystemRandom()) if problem is not None else None
    if problem is None:
        delivery.delivered_at = now
    elif again is None:
        delivery.given_up_at = now
    else:
        delivery.next_at = now + dt.timedelta(seconds=again)
    session.flush()
    doorbell.rollout(session, delivery.rollout_id)


def next_in(session: Session) -> float | None:
    """Return in how many seconds the next one is due, None if there is none."""
    seconds = func.extract("epoch", func.min(WebhookDelivery.next_at) - func.clock_timestamp())
    found = session.scalar(select(seconds).where(_OPEN))
    return None if found is None else max(0.0, float(found))


def give_up_all(session: Session) -> None:
    """Give up what waits where no webhook is set, so that one that is set later is not told of the past."""
    given_up = update(WebhookDelivery).where(_OPEN, WebhookDelivery.next_at <= func.clock_timestamp())
    session.execute(given_up.values(given_up_at=func.clock_timestamp(), last_error=NOWHERE))
