"""Until when each person has seen what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from app.models import LastLook

if TYPE_CHECKING:
    import datetime as dt
    import uuid

    from sqlalchemy.orm import Session


def mark(session: Session, user_id: uuid.UUID, until: dt.datetime) -> None:
    """Note that somebody has seen what changed until a moment.

    It goes neither back, for a page may be old, nor beyond the database's now.
    """
    made = insert(LastLook).values(user_id=user_id, at=func.least(until, func.now()))
    later = func.greatest(LastLook.at, made.excluded.at)
    session.execute(made.on_conflict_do_update(index_elements=[LastLook.user_id], set_={"at": later}))
