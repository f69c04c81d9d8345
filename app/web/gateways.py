"""The gateways: who holds how many containers, how busy and how late each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from app.access import permission

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("gateways", __name__)


@bp.get("/gateways")
@permission("read")
def index() -> ResponseReturnValue:
    return render_template("gateways/index.html")
