"""The ACP sessions of a container, and one of them as a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from app.access import permission
from app.errors import NotFound
from app.extensions import db
from app.live.lines import lines
from app.queries import acp_sessions as queries
from app.queries import containers
from app.web import reading
from app.web.frames import framed
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("sessions", __name__, url_prefix="/containers/<uuid:container_id>/sessions")


@bp.get("/")
@permission("read")
@reading.alone
def index(container_id: uuid.UUID) -> ResponseReturnValue:
    container = containers.get(db.session(), container_id)
    found = queries.of_container(db.session(), container_id)
    rows = lines("sessions/_entry.html", found, container_id=container_id)
    about = {"container_id": container_id, "name": container.name, "found": bool(found)}
    return framed("sessions/index.html", {"rows": rows}, **about)


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
