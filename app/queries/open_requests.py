"""Requests that no record answers yet, of callers and of agents, on some connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.models import AcpMessage, AcpOpenRequest

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


def on(session: Session, connection_ids: Sequence[uuid.UUID]) -> Sequence[AcpMessage]:
    """Return those on some connections, the oldest first."""
    return session.scalars(
        select(AcpMessage)
        .join(AcpOpenRequest, AcpOpenRequest.id == AcpMessage.id)
        .where(AcpOpenRequest.connection_id == func.any(list(connection_ids)))
        .where(~answered(AcpOpenRequest.id))
        .order_by(AcpOpenRequest.id)
    ).all()


def answered(request_id: Any) -> ColumnElement[bool]:
    """Tell of a request whether a record answers it: looked up all the same, so that none is said to wait."""
    answer = aliased(AcpMessage)
    return select(answer.id).where(answer.reply_to == request_id).exists()
