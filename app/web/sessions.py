"""The ACP sessions of a container, and one of them as a conversation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Blueprint, render_template, request

from app.access import permission
from app.errors import NotFound
from app.extensions import db
from app.live import recent
from app.live.lines import lines
from app.queries import acp_sessions as queries
from app.queries import containers, session_list
from app.queries.narrowing import Narrowing
from app.web import reading
from app.web.frames import framed
from app.web.listing import Listing
from app.web.quantities import counted
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

BEHIND_KEPT_FOR: Final = 10.0
"""Seconds after which a list says that its older records are counted, or not."""

bp = Blueprint("sessions", __name__, url_prefix="/containers/<uuid:container_id>/sessions")


@bp.get("/")
@permission("read")
@reading.alone
def index(container_id: uuid.UUID) -> ResponseReturnValue:
    """List those that were active last first, with what is recorded now."""
    session = db.session()
    whose = session_list.whose(session, container_id)
    listing = Listing("sessions", Narrowing(), session_list.ORDERS, container_id=container_id)
    page = session_list.page(session, container_id, listing.where, whose.waiting)
    uncounted = session_list.uncounted(session, container_id) if _is_behind(whose.waiting) else 0
    return framed(
        "sessions/index.html",
        {
            "rows": lines("sessions/_entry.html", page.rows, container_id=container_id),
            "pages": listing.pages(page),
            "uncounted": counted(uncounted, "earlier message"),
        },
        container_id=container_id,
        name=whose.name,
        found=bool(page.rows),
        complete=not uncounted,
        listing=listing,
    )


def _is_behind(waiting: int) -> bool:
    """Return whether older records may wait to be counted; of the fleet, that is asked once in a while."""
    read = partial(session_list.uncounted, db.session())
    return waiting > session_list.TAIL or recent.figures("uncounted sessions", read, BEHIND_KEPT_FOR) > 0


@bp.get("/<path:session_id>")
@permission("read")
def show(container_id: uuid.UUID, session_id: str) -> ResponseReturnValue:
    container, before = containers.get(db.session(), container_id), cursor()
    found = queries.records(db.session(), container, session_id, before)
    if not found.records and not found.older:
        raise NotFound(f"nothing is recorded of a session {session_id} of {container.name}")
    return render_template(
        "sessions/show.html",
        container=container,
        session_id=session_id,
        before=before,
        found=found,
        view="waterfall" if request.args.get("view") == "waterfall" else "",
    )
