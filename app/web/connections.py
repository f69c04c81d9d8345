"""A connection: its states over time, what was negotiated, and its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from app.access import permission
from app.extensions import db
from app.protocol.states import Direction
from app.queries import connections as queries
from app.queries import messages
from app.web.timeline import Timeline

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("connections", __name__, url_prefix="/connections")


@bp.get("/<uuid:connection_id>")
@permission("read")
def show(connection_id: uuid.UUID) -> ResponseReturnValue:
    connection = queries.get(db.session(), connection_id)
    unanswered = messages.unanswered(db.session(), connection.id)
    return render_template(
        "connections/show.html",
        connection=connection,
        unanswered=[each for each in unanswered if each.direction == Direction.OUTBOUND],
        timeline=Timeline.of_connection(connection.id),
    )


@bp.get("/<uuid:connection_id>/messages")
@permission("read")
def older_messages(connection_id: uuid.UUID) -> ResponseReturnValue:
    """Answer with the rows of the timeline that come before the cursor."""
    return render_template("messages/_older.html", timeline=Timeline.of_connection(connection_id))
