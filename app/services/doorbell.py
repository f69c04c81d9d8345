"""The doorbell: NOTIFY that something is to be read anew. It carries ids, never content.

PostgreSQL delivers on commit, so what a listener reads after the bell is at least what rang it. `tell` is for
those who show (the web), `ask` also for those who act (the gateway).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

FACTS: Final = "console_facts"
INTENTS: Final = "console_intents"


def tell(session: Session, container_id: uuid.UUID) -> None:
    """Say that something about a container has changed: `container <id>` on the facts' channel."""
    session.execute(select(func.pg_notify(FACTS, f"container {container_id}")))


def ask(session: Session, container_id: uuid.UUID) -> None:
    """Say it to the gateway too, because there is something to do."""
    tell(session, container_id)
    session.execute(select(func.pg_notify(INTENTS, f"container {container_id}")))
