"""The overview: the fleet at a glance, what is stuck, and what changed since one looked last."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from app.access import permission
from app.extensions import db
from app.queries import handover, stuck
from app.services import last_looks
from app.web import moments
from app.web.forms.last_look import LookForm

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from app.queries.handover import Changes

bp = Blueprint("overview", __name__)

FIRST_LOOK: Final = dt.timedelta(days=1)
"""What somebody is shown who has never looked."""


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    return render_template("overview/index.html", **_since())


@bp.get("/changes")
@permission("read")
def changes() -> ResponseReturnValue:
    """Answer with what changed alone, for a page that stays open."""
    return render_template("overview/_changes.html", **_since())


@bp.post("/changes/seen")
@permission("read")
def mark_seen() -> ResponseReturnValue:
    """Note that this person has seen what changed until their page was made."""
    form = LookForm()
    until = moments.read(form.until.data or "")
    if form.validate_on_submit() and until is not None:
        last_looks.mark(db.session(), current_user.id, until)
        db.session.commit()
        flash("Noted: here stands what changes from now on.", "success")
    else:
        flash("That could not be noted; load the page again.", "danger")
    return redirect(url_for("overview.index"))


@bp.get("/stuck")
@permission("read")
def stuck_list() -> ResponseReturnValue:
    """List it, of a kind or all, the oldest first, live."""
    return render_template("overview/stuck.html", kind=stuck.kind_of(request.args.get("kind", "")))


def _since() -> dict[str, Changes | dt.datetime | str | None]:
    """Read what changed since a moment of the URL, or else since this person looked last."""
    session, until = db.session(), moments.now()
    last = handover.last_look(session, current_user.id)
    since = moments.argument("since") or last or until - FIRST_LOOK
    found = handover.changes(session, since, until)
    return {"changes": found, "last_look": last, "chosen": request.args.get("since", "")}
