"""The doorbell: NOTIFY that something is to be read anew. It carries ids, never content.

PostgreSQL delivers on commit, so what a listener reads after the bell is at least what rang it. `tell` is for
those who show (the web), `ask` also for those who act (the gateway).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

FACTS: Final = "console_facts"
INTENTS: Final = "console_intents"
LINES: Final = 150
"""Lines of 47 bytes in one notification."""
LEASES_FREE: Final = "leases free"
ROLLOUTS: Final = "rollouts"
WEBHOOKS: Final = "webhooks"


def tell(session: Session, container_id: uuid.UUID) -> None:
    """Say that something about a container has changed: `container <id>` on the facts' channel."""
    session.execute(select(func.pg_notify(FACTS, f"container {container_id}")))


def tell_fleet(session: Session) -> None:
    """Say that something has changed that every page may show: `fleet` on the facts' channel."""
    session.execute(select(func.pg_notify(FACTS, "fleet")))


def tell_all(session: Session, container_ids: Sequence[uuid.UUID]) -> None:
    """Say it of many containers, in as few notifications as PostgreSQL's limit of 8000 bytes allows."""
    for start in range(0, len(container_ids), LINES):
        lines = (f"container {each}" for each in container_ids[start : start + LINES])
        session.execute(select(func.pg_notify(FACTS, "\n".join(lines))))


def ask(session: Session, container_id: uuid.UUID) -> None:
    """Say it to the gateway too, because there is something to do."""
    tell(session, container_id)
    session.execute(select(func.pg_notify(INTENTS, f"container {container_id}")))


def ask_all(session: Session, container_ids: Sequence[uuid.UUID]) -> None:
    """Say it of many containers to those who show, and to those who act one by one, as they listen."""
    tell_all(session, container_ids)
    for start in range(0, len(container_ids), LINES):
        lines = [f"container {each}" for each in container_ids[start : start + LINES]]
        session.execute(select(func.pg_notify(INTENTS, func.unnest(cast(lines, ARRAY(Text))))))


def free(session: Session) -> None:
    """Say to all gateways that leases have become free."""
    session.execute(select(func.pg_notify(INTENTS, LEASES_FREE)))


def rollout(session: Session, rollout_id: uuid.UUID) -> None:
    """Say to those who show that a rollout has changed: `rollout <id>` on the facts' channel."""
    session.execute(select(func.pg_notify(FACTS, f"rollout {rollout_id}")))


def wake_rollouts(session: Session) -> None:
    """Say to the gateways that there is something to do for a rollout."""
    session.execute(select(func.pg_notify(INTENTS, ROLLOUTS)))


def wake_webhooks(session: Session) -> None:
    """Say to the gateways that a notification is to be delivered."""
    session.execute(select(func.pg_notify(INTENTS, WEBHOOKS)))
