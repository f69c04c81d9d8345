"""The audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, render_template, request

from app.access import permission
from app.extensions import db
from app.queries import audit as queries
from app.web.forms.audit import AuditForm
from app.web.timeline import cursor

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("audit", __name__, url_prefix="/audit")

PAGE: Final = 50


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Show who changed or tried what, the newest first."""
    session, narrowed, before = db.session(), AuditForm(request.args), cursor()
    narrowed.offer(queries.actions(session))
    found = queries.page(session, narrowed.values(), before=before, limit=PAGE + 1)
    events = found[:PAGE]
    return render_template(
        "audit/index.html",
        narrowed=narrowed,
        events=events,
        names=queries.names(session, events),
        before=before,
        older=events[-1].id if len(found) > PAGE else None,
    )
