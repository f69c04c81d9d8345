"""The ACP sessions of the whole fleet, those that were prompted last first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from app.access import permission
from app.live.fragments import fragment
from app.queries.fleet_sessions import SessionFilter
from app.web import reading
from app.web.frames import framed
from app.web.timeline import cursor

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("fleet_sessions", __name__, url_prefix="/sessions")


@bp.get("/")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    narrowed, before = SessionFilter.read(request.args.get("container"), request.args.get("open")), cursor()
    cursor_ = {} if before is None else {"before": before}
    shown = fragment("fleet_sessions", narrowed=narrowed, **cursor_)
    return framed("sessions/fleet.html", {"shown": shown}, begun=before is None, narrowed=narrowed)
