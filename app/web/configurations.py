"""A container's connection configuration: edited, checked while one types, saved, and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError, Outdated
from app.extensions import db, htmx
from app.queries import containers
from app.services import configuration_trials, configurations
from app.services.configurations import reconnects
from app.web.configuration_sheet import Sheet
from app.web.failures import tell
from app.web.forms.configuration import proposed

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.models import Container

bp = Blueprint("configurations", __name__, url_prefix="/containers/<uuid:container_id>/configuration")


@bp.get("")
@permission("configure")
def edit(container_id: uuid.UUID) -> ResponseReturnValue:
    """Show the form; values in the URL are filled in as edited, and nothing is stored."""
    container = containers.get(db.session(), container_id)
    return _page(container, Sheet.of(container, proposed(request.args)))


@bp.post("")
@permission("configure")
def update(container_id: uuid.UUID) -> ResponseReturnValue:
    container = containers.get(db.session(), container_id)
    sheet = Sheet.of(container)
    form = sheet.form
    if not form.validate_on_submit():
        return _page(container, sheet), 422
    base, why = form.base_number, form.reason.data or ""
    try:
        saved = configurations.update(
            db.session(), container.configuration, form.values(), actor(), why, base=base
        )
    except Outdated:
        db.session.commit()  # it may have noted a change by others; of ours nothing is stored
        return _page(container, Sheet.joined(container, form)), 409
    db.session.commit()
    if saved is None:
        flash("Nothing is changed, so nothing was saved.", "info")
    else:
        how = "The gateway reconnects for it now." if reconnects(saved.changed) else "It is applied at once."
        flash(f"The configuration is saved as revision {saved.number}. {how}", "success")
    return redirect(url_for("configurations.edit", container_id=container_id))


@bp.post("/validate")
@permission("configure")
def validate(container_id: uuid.UUID) -> ResponseReturnValue:
    """Answer with what is wrong with each field and what saving it would do; stores nothing."""
    container = containers.get(db.session(), container_id)
    sheet = Sheet.of(container)
    sheet.form.validate()
    if htmx:
        return render_template("configurations/_form.html", container=container, sheet=sheet)
    return _page(container, sheet)


@bp.post("/try")
@permission("configure")
def try_(container_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent to try what is edited; the form comes back with it, and the outcome beside it."""
    container = containers.get(db.session(), container_id)
    sheet = Sheet.of(container)
    sheet.form.validate()
    if not sheet.form.savable:
        return _page(container, sheet), 422
    try:
        configuration_trials.request(db.session(), container, sheet.form.values(), actor())
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    edited = {line.name: line.written for line in sheet.changes} | {"reason": sheet.form.reason.data or ""}
    given = {name: value for name, value in edited.items() if value}
    return redirect(url_for("configurations.edit", container_id=container_id, _anchor="trials", **given))


def _page(container: Container, sheet: Sheet) -> str:
    return render_template("configurations/edit.html", container=container, sheet=sheet)
