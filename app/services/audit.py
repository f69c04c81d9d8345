"""The audit trail: one event a change, in the change's own transaction (DESIGN, promise 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.models import AuditEvent

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.services.actor import Actor


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: tuple[str, uuid.UUID],
    *,
    reason: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Add an event; `action` reads `container registered`, `subject` is a table's name and an id."""
    event = AuditEvent(
        actor=actor.name,
        origin=actor.origin,
        action=action,
        subject_type=subject[0],
        subject_id=subject[1],
        reason=reason,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
    )
    session.add(event)
    return event
