"""Statistics: what was exchanged, over any range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from app.access import permission
from app.errors import Invalid
from app.protocol.states import MessageType, Protocol
from app.queries.spans import PRESETS
from app.queries.statistics_view import GROUPS, View

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("statistics", __name__, url_prefix="/statistics")

CHOICES = {"presets": PRESETS, "groups": GROUPS, "types": list(MessageType), "protocols": list(Protocol)}


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Show the figures of a range, grouped and narrowed as the address says."""
    try:
        view = View.read(request.args)
    except Invalid as refused:
        page = render_template(
            "statistics/index.html", view=View(), given=request.args, problem=refused, **CHOICES
        )
        return page, 400
    return render_template("statistics/index.html", view=view, given=view.in_url(), **CHOICES)
