"""The reference of reasons and codes: what each means, what it likely comes from, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from app.access import permission
from app.protocol.explanations import TABLE, Family, search

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("explanations", __name__, url_prefix="/explanations")


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Show all of them, or those that a pasted text, a code or some words find."""
    asked = request.args.get("q", "").strip()
    shown = search(asked) if asked else tuple(TABLE.values())
    parts = {family: [each for each in shown if each.family is family] for family in Family}
    return render_template("explanations/index.html", asked=asked, parts=parts, count=len(shown))
