"""Reconnect, disconnect and probe: the form that asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.queries import containers
from app.services import connection_actions
from app.web.failures import tell
from app.web.forms.connection_action import ActionForm
from app.web.forms.errors import tell_problems

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("connection_actions", __name__)


@bp.post("/containers/<uuid:container_id>/actions")
@permission("operate")
def create(container_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent; the gateway acts on it and the page shows what came of it."""
    container = containers.get(db.session(), container_id)
    form, back = ActionForm(), url_for("containers.show", container_id=container_id, _anchor="actions")
    if not form.validate_on_submit():
        tell_problems(form)
        return redirect(back)
    try:
        kind = form.kind.data
        connection_actions.request(db.session(), container, kind, reason=form.reason.data, actor=actor())
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    else:
        flash(f"The {kind} is requested. What comes of it stands below.", "success")
    return redirect(back)
