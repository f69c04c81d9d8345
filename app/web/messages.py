"""The message viewer, and a record: its payload as a tree and raw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Blueprint, Response, render_template, request, stream_with_context

from app.access import permission
from app.errors import Invalid
from app.extensions import db
from app.queries import connections, message_search
from app.queries import messages as queries
from app.queries.message_filter import FIELDS, parse, write
from app.web import exports
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.queries.message_filter import Term

bp = Blueprint("messages", __name__, url_prefix="/messages")

RAW_SHOWN: Final = 100_000
"""Characters of raw JSON in the page; beyond them it is offered as a file."""


class Chip(NamedTuple):
    """A term of a filter, and the filter without it."""

    term: Term
    without: str


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """Show the messages of the fleet that a filter finds, the newest first and live."""
    written, before = request.args.get("filter", "").strip(), cursor()
    try:
        terms = parse(written)
    except Invalid as refused:
        page = render_template("messages/index.html", filter=written, problem=refused.problem, fields=FIELDS)
        return page, 400
    chips = [Chip(term, write(tuple(other for other in terms if other != term))) for term in terms]
    found = message_search.page(db.session(), terms, before=before)
    return render_template(
        "messages/index.html", filter=write(terms), chips=chips, found=found, before=before, fields=FIELDS
    )


@bp.get("/older")
@permission("read")
def older() -> ResponseReturnValue:
    """Answer with the rows that come before the cursor."""
    terms = parse(request.args.get("filter", ""))
    found = message_search.page(db.session(), terms, before=cursor())
    return render_template("messages/_older_found.html", filter=write(terms), found=found)


@bp.get("/export.csv", defaults={"form": "csv"})
@bp.get("/export.ndjson", defaults={"form": "ndjson"})
@permission("read")
def export(form: str) -> Response:
    """Stream what a filter finds, the newest first, as long as it may be."""
    terms = parse(request.args.get("filter", ""))
    return Response(
        stream_with_context(exports.stream(form, terms, cursor())),
        mimetype=exports.TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="messages.{form}"'},
    )


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
