"""Protocol migrations: the fleet's latest, and the forms that ask for one or take one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.protocol.states import Cause
from app.queries import containers
from app.queries import protocol_migrations as queries
from app.services import protocol_migrations
from app.web import command_line
from app.web.failures import tell
from app.web.forms.errors import tell_problems
from app.web.forms.protocol_migration import MigrationForm, RollbackForm
from app.web.listing import Listing

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue
    from flask_wtf import FlaskForm

bp = Blueprint("protocol_migrations", __name__)


@bp.get("/protocol-migrations")
@permission("read")
def index() -> ResponseReturnValue:
    """List them, narrowed and paged; the first page is live."""
    narrowed = queries.MigrationFilter.of(request.args)
    listing = Listing("protocol_migrations", narrowed, queries.ORDERS)
    return render_template(
        "protocol_migrations/index.html",
        narrowed=narrowed,
        listing=listing,
        outcomes=list(queries.Outcome),
        causes=list(Cause),
        cli=command_line.listed("protocol-migrations", listing),
    )


@bp.post("/containers/<uuid:container_id>/protocol-migrations")
@permission("migrate")
def create(container_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent; the gateway acts on it and the page shows how far it is."""
    container = containers.get(db.session(), container_id)
    form = MigrationForm()
    if not form.validate_on_submit():
        return _refuse(form, container_id)
    try:
        protocol_migrations.request(
            db.session(), container, form.to_protocol.data, reason=form.reason.data, actor=actor()
        )
        db.session.commit()
    except ConsoleError as error:
        tell(error)
        return _back(container_id)
    flash(f"The migration to {form.to_protocol.data.upper()} is requested.", "success")
    return _back(container_id)


@bp.post("/protocol-migrations/<uuid:migration_id>/rollback")
@permission("migrate")
def roll_back(migration_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent to take one back."""
    migration = queries.get(db.session(), migration_id)
    container_id = migration.container_id
    form = RollbackForm()
    if not form.validate_on_submit():
        return _refuse(form, container_id)
    try:
        protocol_migrations.roll_back(db.session(), migration, reason=form.reason.data, actor=actor())
        db.session.commit()
    except ConsoleError as error:
        tell(error)
        return _back(container_id)
    flash("The rollback is requested.", "success")
    return _back(container_id)


def _refuse(form: FlaskForm, container_id: uuid.UUID) -> ResponseReturnValue:
    tell_problems(form)
    return _back(container_id)


def _back(container_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("containers.show", container_id=container_id, _anchor="protocol-migrations"))
