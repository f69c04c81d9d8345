"""A record: its payload as a tree and raw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, render_template

from app.access import permission
from app.extensions import db
from app.queries import connections
from app.queries import messages as queries

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("messages", __name__, url_prefix="/messages")

RAW_SHOWN: Final = 100_000
"""Characters of raw JSON in the page; beyond them it is offered as a file."""


@bp.get("/<uuid:message_id>")
@permission("read")
def show(message_id: uuid.UUID) -> ResponseReturnValue:
    session = db.session()
    message = queries.get(session, message_id)
    raw = _raw(message.payload)
    return render_template(
        "messages/show.html",
        message=message,
        connection=connections.get(session, message.connection_id),
        raw=raw if len(raw) <= RAW_SHOWN else None,
    )


@bp.get("/<uuid:message_id>/payload.json")
@permission("read")
def payload(message_id: uuid.UUID) -> Response:
    """Answer with the stored payload, redacted as it is, as a file."""
    message = queries.get(db.session(), message_id)
    headers = {"Content-Disposition": f'attachment; filename="{message.id}.json"'}
    return Response(_raw(message.payload), mimetype="application/json", headers=headers)


def _raw(payload: object) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False)
