"""Incidents: the list, one with its notes, and the forms that make, annotate, prolong and revoke it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from flask import Blueprint, flash, redirect, render_template, request, session, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.queries import incidents as queries
from app.services import incidents
from app.web import incident_pages
from app.web.failures import tell
from app.web.forms.errors import report, tell_problems
from app.web.forms.incident import IncidentForm, NoteForm, ProlongForm, RevokeForm
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue
    from flask_wtf import FlaskForm

    from app.models import Incident

bp = Blueprint("incidents", __name__, url_prefix="/incidents")

PAGE: Final = 50
LINK: Final = "incident_link"
"""Where the browser's signed session keeps a new link until the next page has shown it."""


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    before = cursor()
    found = queries.page(db.session(), before=before, limit=PAGE + 1)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return render_template("incidents/index.html", incidents=found[:PAGE], before=before, older=older)


@bp.route("/new", methods=["GET", "POST"])
@permission("operate")
def new() -> ResponseReturnValue:
    """Make one; its link's secret is shown on the next page, and never again."""
    form = IncidentForm.about(request.args)
    if form.validate_on_submit():
        try:
            made = _make(form)
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            session[LINK] = [str(made.incident.id), made.token]
            return redirect(url_for("incidents.show", incident_id=made.incident.id))
    return render_template("incidents/new.html", form=form), 422 if form.errors else 200


@bp.get("/<uuid:incident_id>")
@permission("read")
def show(incident_id: uuid.UUID) -> ResponseReturnValue:
    incident = queries.get(db.session(), incident_id)
    return render_template(
        "incidents/show.html",
        note=NoteForm(),
        prolonging=ProlongForm(),
        revoking=RevokeForm(),
        link=_new_link(incident),
        **incident_pages.context(incident, cursor()),
    )


@bp.get("/<uuid:incident_id>/export.ndjson")
@permission("read")
def export(incident_id: uuid.UUID) -> ResponseReturnValue:
    return incident_pages.file(queries.get(db.session(), incident_id))


@bp.post("/<uuid:incident_id>/notes")
@permission("operate")
def add_note(incident_id: uuid.UUID) -> ResponseReturnValue:
    form = NoteForm()
    return _change(
        incident_id,
        form,
        lambda incident: incidents.add_note(db.session(), incident, form.text.data, actor()),
        "The note is added.",
    )


@bp.post("/<uuid:incident_id>/expiry")
@permission("operate")
def prolong(incident_id: uuid.UUID) -> ResponseReturnValue:
    form = ProlongForm()
    return _change(
        incident_id,
        form,
        lambda incident: incidents.prolong(
            db.session(), incident, dt.timedelta(hours=int(form.life.data)), form.reason.data, actor()
        ),
        "The link works for longer now.",
    )


@bp.post("/<uuid:incident_id>/revocation")
@permission("operate")
def revoke(incident_id: uuid.UUID) -> ResponseReturnValue:
    form = RevokeForm()
    return _change(
        incident_id,
        form,
        lambda incident: incidents.revoke(db.session(), incident, form.reason.data, actor()),
        "The link is revoked. It opens nothing from now on.",
    )


def _make(form: IncidentForm) -> incidents.Made:
    made = incidents.create(db.session(), form.values(), actor())
    if form.text.data:
        incidents.add_note(db.session(), made.incident, form.text.data, actor())
    db.session.commit()
    return made


def _change(
    incident_id: uuid.UUID, form: FlaskForm, act: Callable[[Incident], object], done: str
) -> ResponseReturnValue:
    incident = queries.get(db.session(), incident_id)
    back = redirect(url_for("incidents.show", incident_id=incident_id))
    if not form.validate_on_submit():
        tell_problems(form)
        return back
    try:
        act(incident)
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    else:
        flash(done, "success")
    return back


def _new_link(incident: Incident) -> str | None:
    """Return the link, once, to the browser that has made the incident."""
    made_id, token = session.pop(LINK, ("", ""))
    if made_id != str(incident.id):
        return None
    return url_for("shared_incidents.show", token=token, _external=True)
