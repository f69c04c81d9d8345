"""A container's connection configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, url_for

from app.access import actor, permission
from app.extensions import db, htmx
from app.queries import containers
from app.services import configurations
from app.web.forms.configuration import DEFAULTS, ConfigurationForm

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.models import Container

bp = Blueprint("configurations", __name__, url_prefix="/containers/<uuid:container_id>/configuration")


def form_for(container: Container) -> dict[str, object]:
    """Return what the configuration's template shows: the form and the model's defaults."""
    return {"form": ConfigurationForm.of(container), "defaults": DEFAULTS.as_dict()}


@bp.get("")
@permission("configure")
def edit(container_id: uuid.UUID) -> ResponseReturnValue:
    container = containers.get(db.session(), container_id)
    return render_template("configurations/edit.html", container=container, configuration=form_for(container))


@bp.post("")
@permission("configure")
def update(container_id: uuid.UUID) -> ResponseReturnValue:
    container = containers.get(db.session(), container_id)
    form = ConfigurationForm.of(container)
    if not form.validate_on_submit():
        shown = {"form": form, "defaults": DEFAULTS.as_dict()}
        return render_template("configurations/edit.html", container=container, configuration=shown), 422
    how = "The gateway reconnects for it now." if form.reconnects() else "The gateway applies it at once."
    reason = form.reason.data or None
    configurations.update(db.session(), container.configuration, form.values(), actor(), reason)
    db.session.commit()
    flash(f"The configuration is saved. {how}", "success")
    return redirect(url_for("containers.show", container_id=container_id, _anchor="configuration"))


@bp.post("/validate")
@permission("configure")
def validate(container_id: uuid.UUID) -> ResponseReturnValue:
    """Answer with the fields as they stand, with what is wrong and what saving would do; stores nothing."""
    container = containers.get(db.session(), container_id)
    form = ConfigurationForm.of(container)
    form.validate()
    shown = {"form": form, "defaults": DEFAULTS.as_dict()}
    template = "configurations/_checks.html" if htmx else "configurations/edit.html"
    return render_template(template, container=container, configuration=shown)
