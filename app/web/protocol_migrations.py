"""Protocol migrations: the fleet's latest, one of them, and what can be asked for and of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.live.fragments import fragment
from app.protocol.states import Cause
from app.protocol.strategies import Plan
from app.queries import containers
from app.queries import protocol_migrations as queries
from app.services import preflights, protocol_migrations, way_home
from app.web import command_line, reading
from app.web.failures import tell
from app.web.forms.errors import report, tell_problems
from app.web.forms.protocol_migration import WORDS, AskedForm, MigrationForm, PlanForm
from app.web.forms.way_home import WayHomeForm
from app.web.frames import framed
from app.web.listing import Listing

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from app.models import Container, ProtocolMigration

bp = Blueprint("protocol_migrations", __name__)


@bp.get("/protocol-migrations")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """List them, narrowed and paged; the first page is live."""
    narrowed = queries.MigrationFilter.of(request.args)
    listing = Listing("protocol_migrations", narrowed, queries.ORDERS)
    return framed(
        "protocol_migrations/index.html",
        {"shown": fragment("migrations", narrowed=narrowed, where=listing.where)},
        narrowed=narrowed,
        listing=listing,
        outcomes=tuple(queries.Outcome),
        causes=tuple(Cause),
        cli=command_line.listed("migrations", listing),
    )


@bp.get("/protocol-migrations/<uuid:migration_id>")
@permission("read")
def show(migration_id: uuid.UUID) -> ResponseReturnValue:
    migration = queries.get(db.session(), migration_id)
    again = command_line.migration(migration.container, migration.to_protocol, migration.plan)
    asks = [command_line.command("migrations", verb, str(migration_id), "--reason=WHY") for verb in VERBS]
    return render_template(
        "protocol_migrations/show.html", migration=migration, form=AskedForm(), commands=[again, *asks]
    )


@bp.route("/containers/<uuid:container_id>/protocol-migrations/new", methods=["GET", "POST"])
@permission("migrate")
def new(container_id: uuid.UUID) -> ResponseReturnValue:
    """Show how it can be done and what it would concern; start it with a plan."""
    container = containers.get(db.session(), container_id)
    target = container.other_protocol
    form = PlanForm() if request.method == "POST" else PlanForm.filled(request.args, target)
    if form.validate_on_submit():
        try:
            migration = _start(
                container,
                form.to_protocol.data,
                form.reason.data,
                form.plan(),
                anyway=form.anyway.data,
            )
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            flash(f"The migration to {migration.to_protocol.upper()} is requested.", "success")
            return redirect(url_for("protocol_migrations.show", migration_id=migration.id))
    page = render_template(
        "protocol_migrations/new.html", container=container, target=target, form=form, words=WORDS
    )
    return page, 422 if form.errors else 200


def _start(
    container: Container, to: str, reason: str, plan: Plan, *, anyway: bool = False
) -> ProtocolMigration:
    """Write the intent, unless the preflight says that it would fail. Raises ConsoleError."""
    policy = current_app.extensions["settings"].endpoint_policy()
    preflights.check_startable(db.session(), container, to, plan, policy=policy, anyway=anyway)
    migration = protocol_migrations.request(
        db.session(), container, to, reason=reason, actor=actor(), plan=plan
    )
    db.session.commit()
    return migration


@bp.post("/containers/<uuid:container_id>/protocol-migrations")
@permission("migrate")
def create(container_id: uuid.UUID) -> ResponseReturnValue:
    """Start one the usual way; the gateway acts on it and the container's page shows how far it is."""
    container = containers.get(db.session(), container_id)
    form = MigrationForm()
    if not form.validate_on_submit():
        tell_problems(form)
        return _back(container_id)
    try:
        _start(container, form.to_protocol.data, form.reason.data, Plan())
    except ConsoleError as error:
        tell(error)
        return _back(container_id)
    flash(f"The migration to {form.to_protocol.data.upper()} is requested.", "success")
    return _back(container_id)


@bp.post("/containers/<uuid:container_id>/way-home")
@permission("migrate")
def wish_way_home(container_id: uuid.UUID) -> ResponseReturnValue:
    """Set whether, and how patiently, it returns to ACP after a fallback."""
    container = containers.get(db.session(), container_id)
    form = WayHomeForm()
    if not form.validate_on_submit():
        tell_problems(form)
        return _back(container_id)
    try:
        way_home.wish(db.session(), container, form.wish(), reason=form.reason.data, actor=actor())
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    else:
        flash("The way home is saved.", "success")
    return _back(container_id)


@bp.post("/protocol-migrations/<uuid:migration_id>/switch")
@permission("migrate")
def switch(migration_id: uuid.UUID) -> ResponseReturnValue:
    """Have one that waits go on now."""
    return _ask(migration_id, protocol_migrations.switch_now, "It is switched now.")


@bp.post("/protocol-migrations/<uuid:migration_id>/cancel")
@permission("migrate")
def cancel(migration_id: uuid.UUID) -> ResponseReturnValue:
    """End one that has switched nothing yet."""
    return _ask(migration_id, protocol_migrations.cancel, "It is cancelled.")


@bp.post("/protocol-migrations/<uuid:migration_id>/rollback")
@permission("migrate")
def roll_back(migration_id: uuid.UUID) -> ResponseReturnValue:
    """Write the intent to take one back."""
    return _ask(migration_id, protocol_migrations.roll_back, "The rollback is requested.")


VERBS = ("switch", "cancel", "rollback")
"""What can be asked of one, as the command line calls it."""


def _ask(
    migration_id: uuid.UUID, service: Callable[..., ProtocolMigration | None], done: str
) -> ResponseReturnValue:
    """Ask something of a protocol migration, and go on to it, or to the one that takes it back."""
    migration, form, made = queries.get(db.session(), migration_id), AskedForm(), None
    if not form.validate_on_submit():
        tell_problems(form)
    else:
        try:
            made = service(db.session(), migration, reason=form.reason.data, actor=actor())
            db.session.commit()
            flash(done, "success")
        except ConsoleError as error:
            db.session.rollback()
            tell(error)
    if request.form.get("page") == "container":
        return _back(migration.container_id)
    return redirect(url_for("protocol_migrations.show", migration_id=made.id if made else migration_id))


def _back(container_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("containers.show", container_id=container_id, _anchor="protocol-migrations"))
