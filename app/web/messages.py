"""The message viewer, and a record: its payload as a tree and raw."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Blueprint, Response, abort, render_template, request, stream_with_context
from markupsafe import Markup

from app.access import permission
from app.errors import Invalid
from app.extensions import db
from app.live.fragments import MOST_AROUND, NEIGHBOURS, fragment
from app.models.base import first_id_at, moment_of
from app.queries import connections, message_search
from app.queries import messages as queries
from app.queries.message_filter import FIELDS, parse, write
from app.queries.moments import moment
from app.web import exports, payload_diff, reading
from app.web.frames import framed
from app.web.schema_advice import advise
from app.web.timeline import cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.typing import ResponseReturnValue

    from app.models import AcpMessage
    from app.queries.message_filter import Term

bp = Blueprint("messages", __name__, url_prefix="/messages")

ROWS: Final = 50
NEAR: Final = 25
"""Records before a time that is jumped to, and as many after it."""
RAW_SHOWN: Final = 100_000
"""Characters of raw JSON in the page; beyond them it is offered as a file."""


SHOWN_FIELDS: Final = tuple(FIELDS.items())
"""What a filter may name, with what it means."""


class Chip(NamedTuple):
    """A term of a filter, and the filter without it."""

    term: Term
    without: str


class Place(NamedTuple):
    """A time that is jumped to, as the least id there, with the records from there on."""

    begin: uuid.UUID
    later: Sequence[AcpMessage]

    @property
    def at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(moment_of(self.begin), dt.UTC)


@bp.get("/")
@permission("read")
@reading.alone_without("filter")
def index() -> ResponseReturnValue:
    """Show the messages of the fleet that a filter finds, the newest below and live, or around a time."""
    written, at = request.args.get("filter", "").strip(), request.args.get("at", "").strip()
    try:
        terms = parse(written)
        place = _place(terms, at) if at else None
    except Invalid as refused:
        about = {
            "filter": written,
            "at": at,
            "problem": f"{refused.field} {refused.problem}",
            "fields": SHOWN_FIELDS,
        }
        return render_template("messages/index.html", **about), 400
    before = place.begin if place else cursor()
    found = message_search.shown(db.session(), terms, before=before, limit=NEAR if place else ROWS)
    filter_ = write(terms)
    later = fragment("found_rows", records=place.later) if place else ""
    put_in = {
        "rows": fragment("found_rows", records=found.records),
        "later": later,
        "further": Markup(render_template("messages/_further.html", filter=filter_, found=found)),  # noqa: S704 - ours
    }
    return framed(
        "messages/index.html",
        put_in,
        filter=filter_,
        at=at,
        chips=tuple(Chip(term, write(tuple(other for other in terms if other != term))) for term in terms),
        looked_to=found.looked_to is not None,
        before=before,
        place=place.at if place else None,
        without=() if found.records or found.older or before else tuple(_without(terms)),
        fields=SHOWN_FIELDS,
    )


@bp.get("/older")
@permission("read")
def older() -> ResponseReturnValue:
    """Answer with the rows that come before the cursor."""
    terms = parse(request.args.get("filter", ""))
    found = message_search.shown(db.session(), terms, before=cursor())
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


@bp.get("/compare")
@permission("read")
def compare() -> ResponseReturnValue:
    """Show what is different between two messages."""
    left, right = (queries.get(db.session(), _id(request.args.get(name, ""))) for name in ("a", "b"))
    comparison = payload_diff.compare(left.payload, right.payload)
    return render_template("messages/compare.html", left=left, right=right, comparison=comparison)


@bp.get("/<uuid:message_id>")
@permission("read")
def show(message_id: uuid.UUID) -> ResponseReturnValue:
    """Show a record, with as many before and after it as `around` says."""
    session = db.session()
    message = queries.get(session, message_id)
    raw = _raw(message.payload)
    return render_template(
        "messages/show.html",
        message=message,
        connection=connections.get(session, message.connection_id),
        raw=raw if len(raw) <= RAW_SHOWN else None,
        advice=advise(message, queries.counterpart(session, message)),
        like=queries.like_it(session, message),
        around=request.args.get("around", type=int, default=NEIGHBOURS),
        most_around=MOST_AROUND,
    )


@bp.get("/<uuid:message_id>/payload.json")
@permission("read")
def payload(message_id: uuid.UUID) -> Response:
    """Answer with the stored payload, redacted as it is, as a file."""
    message = queries.get(db.session(), message_id)
    headers = {"Content-Disposition": f'attachment; filename="{message.id}.json"'}
    return Response(_raw(message.payload), mimetype="application/json", headers=headers)


def _place(terms: Sequence[Term], at: str) -> Place:
    """Read a time, or a message's id, and find what is recorded from there on."""
    try:
        begin = first_id_at(moment(at))
    except (ValueError, OverflowError):
        begin = _message_id(at)
    return Place(begin, message_search.later(db.session(), terms, begin, limit=NEAR))


def _message_id(at: str) -> uuid.UUID:
    try:
        return uuid.UUID(at)
    except ValueError:
        raise Invalid("time", f"must be {FIELDS['after'].removeprefix('a ')}") from None


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        abort(400, "Two messages are compared by their ids, which are in their pages' addresses.")


def _without(terms: Sequence[Term]) -> Sequence[Chip]:
    """Give the terms that each alone exclude what the others find."""
    excluding = message_search.excluding(db.session(), terms)
    return [Chip(term, write(tuple(other for other in terms if other != term))) for term in excluding]


def _raw(payload: object) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False)
