"""What an incident's link opens: read-only, without a way to any other page, and every opening is noted.

These routes are public, for the link is the key; one that is not for anyone asks for signing in besides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flask import Blueprint, current_app, render_template, request
from flask_login import current_user

from app import access
from app.access import public
from app.errors import NotFound
from app.extensions import db
from app.models import Incident
from app.queries import connections
from app.queries import incident_contents as contents
from app.queries import incidents as queries
from app.services import incidents
from app.services.incidents import Visit
from app.services.tokens import hashed
from app.web import incident_pages
from app.web.guesses import Limit
from app.web.messages import RAW_SHOWN
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid

    from flask import Response
    from flask.typing import ResponseReturnValue

bp = Blueprint("shared_incidents", __name__, url_prefix="/incidents/shared/<token>")

GUESSES: Final = 10
OPENINGS: Final = 240
"""Wrong links, and right ones, that one address may open within a minute."""
MINUTE: Final = 60.0


@bp.record_once
def _prepare(state: object) -> None:
    """Give the application its own counts."""
    extensions = state.app.extensions  # type: ignore[attr-defined]  # Flask's BlueprintSetupState
    extensions["wrong_links"] = Limit(GUESSES, MINUTE)
    extensions["openings"] = Limit(OPENINGS, MINUTE)


@bp.get("")
@public
def show(token: str) -> ResponseReturnValue:
    incident = _open(token, "page")
    if not isinstance(incident, Incident):
        return incident
    return render_template(
        "incidents/shared/show.html", token=token, **incident_pages.context(incident, cursor())
    )


@bp.get("/messages/<uuid:message_id>")
@public
def message(token: str, message_id: uuid.UUID) -> ResponseReturnValue:
    incident = _open(token, f"message {message_id}")
    if not isinstance(incident, Incident):
        return incident
    try:
        found = contents.message(db.session(), incident, message_id)
    except NotFound:
        return _over(404, "There is no such message in this incident", "Go back to the incident.")
    raw = json.dumps(found.payload, indent=2, ensure_ascii=False)
    return render_template(
        "incidents/shared/message.html",
        token=token,
        incident=incident,
        message=found,
        container=connections.get(db.session(), found.connection_id).container.name,
        raw=raw if len(raw) <= RAW_SHOWN else None,
    )


@bp.get("/export.ndjson")
@public
def export(token: str) -> ResponseReturnValue:
    incident = _open(token, "export")
    return incident_pages.file(incident) if isinstance(incident, Incident) else incident


@bp.after_request
def _keep_quiet(response: Response) -> Response:
    """Have no search engine list it, and no other site learn its address."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _open(token: str, what: str) -> Incident | ResponseReturnValue:
    """Find what a link opens and note the opening, or answer why it opens nothing."""
    address = request.remote_addr or "unknown"
    wrong, openings = (current_app.extensions[name] for name in ("wrong_links", "openings"))
    if wrong.reached(address) or openings.reached(address):
        page, status = _over(429, "Too many links were opened from your address", "Wait a minute.")
        return page, status, {"Retry-After": str(int(MINUTE))}
    incident = queries.by_hash(db.session(), hashed(token))
    if incident is None:
        wrong.count(address)
        return _over(404, "This link opens nothing", "It may not be complete. Copy the whole of it again.")
    openings.count(address)
    if not incident.for_anyone and (refusal := access.require("read")) is not None:
        return refusal
    by = current_user.email if current_user.is_authenticated else None
    shown = incidents.opened(db.session(), incident, Visit(what, address, by))
    db.session.commit()
    if shown:
        return incident
    ended = "was revoked" if incident.revoked_at else "has expired"
    return _over(410, f"This link {ended}", "Ask whoever sent it to you for a new one.")


def _over(status: int, title: str, advice: str) -> tuple[str, int]:
    return render_template("incidents/shared/over.html", status=status, title=title, advice=advice), status
