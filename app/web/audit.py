"""The audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from app.access import permission
from app.extensions import db
from app.queries import audit as queries
from app.web import command_line
from app.web.listing import Listing

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("audit", __name__, url_prefix="/audit")


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Show who changed or tried what, the newest first."""
    session, narrowed = db.session(), queries.AuditFilter.of(request.args)
    listing = Listing("audit", narrowed, queries.ORDERS)
    page = queries.page(session, narrowed, listing.where)
    return render_template(
        "audit/index.html",
        narrowed=narrowed,
        listing=listing,
        page=page,
        actions=queries.actions(session),
        names=queries.names(session, page.rows),
        cli=command_line.listed("audit", listing),
    )
