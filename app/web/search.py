"""One box for pages, containers and ids: a page of its own, and what the palette shows of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, render_template, request

from app.access import permission
from app.extensions import db, htmx
from app.queries import search as queries
from app.web.navigation import places

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("search", __name__, url_prefix="/search")

LONGEST: Final = 200  # characters; a name has fewer


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Find what a text names; the palette gets the hits alone."""
    text = request.args.get("q", "")[:LONGEST].strip()
    hits = queries.find(db.session(), text)
    if htmx.target == "palette-found" and not htmx.history_restore_request:
        return render_template("search/_options.html", hits=hits)
    pages = [place for place in places() if text.lower() in place.label.lower()]
    return render_template("search/index.html", text=text, hits=hits, pages=pages)
