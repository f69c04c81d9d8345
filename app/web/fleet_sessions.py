"""The ACP sessions of the whole fleet, those that were prompted last first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from app.access import permission
from app.queries.fleet_sessions import SessionFilter
from app.web.timeline import cursor

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("fleet_sessions", __name__, url_prefix="/sessions")


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    narrowed, before = SessionFilter.read(request.args.get("container"), request.args.get("open")), cursor()
    return render_template("sessions/fleet.html", before=before, narrowed=narrowed)
