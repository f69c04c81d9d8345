"""Saved views of a list: somebody's own, and those that others share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from app.errors import NotFound
from app.models import SavedView

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def of_list(session: Session, noun: str, reader_id: uuid.UUID) -> Sequence[SavedView]:
    """Return the views of a list that a person may open, their own first, by name."""
    return session.scalars(
        select(SavedView)
        .where(SavedView.noun == noun, or_(SavedView.owner_id == reader_id, SavedView.shared))
        .options(joinedload(SavedView.owner))
        .order_by((SavedView.owner_id == reader_id).desc(), SavedView.name, SavedView.id)
    ).all()


def owned(session: Session, view_id: uuid.UUID, owner_id: uuid.UUID, *, manages: bool) -> SavedView:
    """Return a view that a person may change: their own; who manages, may change shared ones as well.

    Raises:
        NotFound: there is none, or it is another's.
    """
    view = session.get(SavedView, view_id)
    if view is None or not (view.owner_id == owner_id or (manages and view.shared)):
        raise NotFound(f"you have no view {view_id}")
    return view
