"""Dry runs of protocol migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.queries import containers
from app.services import preflights
from app.web.failures import tell

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("preflights", __name__)

LEFT_OUT: Final = frozenset({"csrf_token", "anyway", "to_protocol"})
"""What of the form does not come back with its page."""


@bp.post("/containers/<uuid:container_id>/preflights")
@permission("migrate")
def create(container_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent; the form comes back as it was filled in, and shows what comes of it."""
    container = containers.get(db.session(), container_id)
    try:
        preflights.request(db.session(), container, request.form.get("to_protocol", ""), actor=actor())
        db.session.commit()
        flash("The preflight is under way; nothing is changed by it.", "info")
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    filled = {name: value for name, value in request.form.items() if value and name not in LEFT_OUT}
    page = url_for("protocol_migrations.new", container_id=container_id)
    return redirect(f"{page}?{urlencode(filled)}#preflight")
