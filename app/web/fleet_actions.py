"""Reconnect, disconnect and probe of many containers: the preview that asks for them, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, fresh, permission
from app.errors import ConsoleError
from app.extensions import db
from app.queries import fleet_actions as queries
from app.services import fleet_actions
from app.web import command_line
from app.web.forms.errors import report
from app.web.forms.fleet_action import ChoiceForm, ConfirmationForm

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.services.fleet_actions import Preview

bp = Blueprint("fleet_actions", __name__, url_prefix="/fleet-actions")


@bp.get("/new")
@permission("operate")
@fresh
def new() -> ResponseReturnValue:
    """Show who is concerned and who is left out; nothing is asked yet."""
    choice = ChoiceForm(request.args)
    chosen = choice.ids(db.session())
    if not chosen:
        return _nobody()
    previewed = fleet_actions.preview(db.session(), choice.kind, chosen)
    return _preview(choice, previewed, ConfirmationForm(formdata=None))


@bp.get("/configuration")
@permission("configure")
def configuration() -> ResponseReturnValue:
    """Lead to the change of many configurations, with those that were chosen in the list."""
    choice = ChoiceForm(request.args)
    chosen = choice.ids(db.session())
    if not chosen:
        return _nobody()
    if choice.choose.data == "all":
        return redirect(f"{url_for('bulk_edits.edit')}?{urlencode(choice.chosen())}")
    return redirect(url_for("bulk_edits.edit", container=chosen))


@bp.post("/")
@permission("operate")
@fresh
def create() -> ResponseReturnValue:
    """Ask, if the set is still the one that was shown, and its size was typed."""
    choice, form, session = ChoiceForm(request.form), ConfirmationForm(), db.session()
    previewed = fleet_actions.preview(session, choice.kind, choice.ids(session))
    if form.validate_on_submit() and _confirmed(form, previewed):
        try:
            kind, reason = choice.kind, form.reason.data
            fleet = fleet_actions.ask(session, kind, previewed, reason=reason, actor=actor())
            session.commit()
        except ConsoleError as error:
            session.rollback()
            report(error, form)
        else:
            return redirect(url_for("fleet_actions.show", fleet_action_id=fleet.id))
    return _preview(choice, previewed, form), 422


@bp.get("/<uuid:fleet_action_id>")
@permission("read")
def show(fleet_action_id: uuid.UUID) -> ResponseReturnValue:
    """Show what came of it, live."""
    return render_template("fleet_actions/show.html", fleet=queries.get(db.session(), fleet_action_id))


def _nobody() -> ResponseReturnValue:
    flash("No container is chosen: tick some, or choose all on the page or all that match.", "danger")
    return redirect(url_for("containers.index"))


def _confirmed(form: ConfirmationForm, previewed: Preview) -> bool:
    if form.shown.data != previewed.digest:
        form.form_errors.append("Whom it concerns has changed since it was shown. This is how it is now.")
    elif form.count.data != len(previewed.concerned):
        form.count.errors = [f"type {len(previewed.concerned)} to confirm"]
    return not form.errors


def _preview(choice: ChoiceForm, previewed: Preview, form: ConfirmationForm) -> str:
    form.shown.data = previewed.digest
    return render_template(
        "fleet_actions/new.html",
        kind=choice.kind,
        previewed=previewed,
        carried=choice.carried(),
        form=form,
        cli=command_line.fleet_action(choice.kind, choice.choose.data, choice.carried()),
    )
