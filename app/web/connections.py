"""Connections: all of them, and one with its states over time, what was negotiated, and its timeline."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Final

from flask import Blueprint, abort, render_template, request
from markupsafe import Markup

from app.access import permission
from app.extensions import db
from app.live import recent
from app.live.fragments import fragment
from app.protocol.states import Direction
from app.queries import connections as queries
from app.queries import ends, open_requests
from app.web import command_line, moments, past, reading
from app.web.forms.connection import ConnectionForm
from app.web.frames import framed
from app.web.listing import filters
from app.web.timeline import Timeline

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

bp = Blueprint("connections", __name__, url_prefix="/connections")


USUAL_RANGE: Final = dt.timedelta(days=1)
"""Ends are counted over this while unless the URL says another."""
ENDS_KEPT_FOR: Final = 5.0
"""Seconds for which these counts are kept, as they are shown, for all who ask for the same range."""


@bp.get("")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """List connections, also those that have ended, and count how they ended; or how all was at a moment."""
    if request.args.get("at", "").strip():
        return past.show("connections")
    since, until, now = moments.argument("since"), moments.argument("until"), moments.now()
    narrowed = ConnectionForm(request.args)
    narrowed.offer()
    after, before = _cursor("after"), _cursor("before")
    session = db.session()
    begun = after is None and before is None
    query = narrowed.in_url()
    shown = fragment(
        "connection_list",
        narrowed=narrowed.values(),
        order=narrowed.sorted_by,
        query=list(query.items()),
        after=after,
        before=before,
    )
    asked = (narrowed.since.data, narrowed.until.data)

    def cards() -> str:
        first = since or now - USUAL_RANGE
        return render_template(
            "connections/_cards.html",
            narrowed=narrowed,
            first=first,
            ends=ends.by_kind(session, first, until),
            together=ends.together(session, first, until or now),
        )

    put_in = {
        "counts": fragment("connection_counts"),
        "shown": shown,
        "cards": Markup(recent.figures(("ends", *asked), cards, ENDS_KEPT_FOR)),  # noqa: S704 - a template's output
        "now": moments.written(now),
    }
    return framed(
        "connections/index.html",
        put_in,
        begun=begun,
        query=tuple(query.items()),
        cli=command_line.found("connections", "list", query),
        filters=filters("connections/_filters.html", narrowed.said, narrowed=narrowed),
    )


def _cursor(name: str) -> uuid.UUID | None:
    """Return the connection from which a page starts, as its URL says. Answers 400 to what is none."""
    found = request.args.get(name, type=uuid.UUID)
    if found is None and request.args.get(name):
        abort(400)
    return found


@bp.get("/<uuid:connection_id>")
@permission("read")
def show(connection_id: uuid.UUID) -> ResponseReturnValue:
    connection = queries.get(db.session(), connection_id)
    unanswered = open_requests.on(db.session(), [connection.id])
    return render_template(
        "connections/show.html",
        connection=connection,
        unanswered=[each for each in unanswered if each.direction == Direction.OUTBOUND],
        timeline=Timeline.of_connection(connection.id),
        within=past.chosen_range(),
    )


@bp.get("/<uuid:connection_id>/messages")
@permission("read")
@reading.alone
def older_messages(connection_id: uuid.UUID) -> ResponseReturnValue:
    """Answer with the rows of the timeline that come before the cursor."""
    return render_template("messages/_older.html", timeline=Timeline.of_connection(connection_id))
