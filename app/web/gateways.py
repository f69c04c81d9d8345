"""The gateways: who holds how many containers, how busy and how late each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from app.access import permission
from app.live.fragments import fragment
from app.queries.gateways import FIRST, sort_of
from app.web import command_line, reading
from app.web.frames import framed

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("gateways", __name__)


@bp.get("/gateways")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """Show those that run, in the order of the URL, and those that ended within a week."""
    sort = sort_of(request.args.get("sort", ""))
    query = "" if sort == FIRST else f"sort={sort}"
    words = [] if sort == FIRST else [f"--sort={sort}"]
    cli = command_line.command("gateways", "list", *words)
    return framed("gateways/index.html", {"shown": fragment("gateways", sort=sort)}, query=query, cli=cli)
