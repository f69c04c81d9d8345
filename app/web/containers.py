"""Containers: the list, one of them, and the forms to register, edit and remove one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db, htmx
from app.live.fragments import fragment
from app.live.lines import looked_up
from app.queries import container_list
from app.queries import containers as queries
from app.queries.container_filter import ORDERS
from app.queries.way_home import wish_of
from app.services import containers
from app.web import command_line, past, reading
from app.web.forms.connection_action import ActionForm
from app.web.forms.container import ONLY, PROTOCOLS, STATUSES, ContainerConditions, ContainerForm, RemovalForm
from app.web.forms.errors import report
from app.web.forms.prompt import PromptForm
from app.web.forms.protocol_migration import MigrationForm
from app.web.forms.way_home import WayHomeForm
from app.web.frames import framed
from app.web.listing import Listing, filters
from app.web.moments import now, written
from app.web.timeline import Timeline

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from flask.typing import ResponseReturnValue
    from markupsafe import Markup

    from app.protocol.policy import EndpointPolicy
    from app.queries.container_list import ContainerKey

CHOICES: Final = {"status": STATUSES, "protocol": PROTOCOLS, "only": ONLY}

bp = Blueprint("containers", __name__)


@bp.get("/containers")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """List the containers, as they are or as they were; a search by htmx gets the list alone."""
    if request.args.get("at", "").strip():
        return past.show("containers")
    narrowed = ContainerConditions(request.args)
    listing = Listing("containers", narrowed, ORDERS)
    page = container_list.keys(db.session(), narrowed.values(), listing.where)
    shown = {"rows": _rows(page.rows), "pages": listing.pages(page)}
    about: dict[str, Any] = {
        "found": bool(page.rows),
        "narrowed": narrowed.values(),
        "listing": listing,
        "cli": command_line.containers(listing),
    }
    if htmx.target == "container-list" and not htmx.history_restore_request:
        return render_template("containers/_list.html", **shown, **about)
    said = (narrowed.values(), listing.sort)
    fields = filters("containers/_filters.html", said, narrowed=narrowed, sort=listing.sort, choices=CHOICES)
    put_in = {**shown, "counts": fragment("container_counts"), "now": written(now())}
    return framed("containers/index.html", put_in, **about, filters=fields)


def _rows(keys: Sequence[ContainerKey]) -> Markup:
    def load(missing: Sequence[ContainerKey]) -> Mapping[ContainerKey, Mapping[str, Any]]:
        found = container_list.of_keys(db.session(), missing)
        return {key: {"row": row} for key, row in found.items()}

    return looked_up("containers/_row.html", keys, load)


@bp.route("/containers/new", methods=["GET", "POST"])
@permission("manage")
def new() -> ResponseReturnValue:
    form = ContainerForm()
    if form.validate_on_submit():
        try:
            container = containers.register(db.session(), form.values(), actor(), _policy())
            db.session.commit()
        except ConsoleError as error:
            report(error, form)
        else:
            flash(f"{container.name} is registered. The gateway dials it now.", "success")
            return redirect(url_for("containers.show", container_id=container.id))
    return render_template("containers/new.html", form=form), 422 if form.errors else 200


@bp.get("/containers/<uuid:container_id>")
@permission("read")
def show(container_id: uuid.UUID) -> ResponseReturnValue:
    container = queries.get(db.session(), container_id)
    return render_template(
        "containers/show.html",
        container=container,
        timeline=Timeline.of_container(container.id),
        within=past.chosen_range(),
        action=ActionForm(),
        migration=MigrationForm(),
        way_home=WayHomeForm(data=wish_of(container).as_dict()),
        prompt=PromptForm(),
    )


@bp.get("/containers/<uuid:container_id>/messages")
@permission("read")
@reading.alone
def older_messages(container_id: uuid.UUID) -> ResponseReturnValue:
    """Answer with the rows of the timeline that come before the cursor."""
    return render_template("messages/_older.html", timeline=Timeline.of_container(container_id))


@bp.route("/containers/<uuid:container_id>/edit", methods=["GET", "POST"])
@permission("manage")
def edit(container_id: uuid.UUID) -> ResponseReturnValue:
    container = queries.get(db.session(), container_id)
    form = ContainerForm.of(container)
    if form.validate_on_submit():
        try:
            containers.update(db.session(), container, form.values(), actor(), policy=_policy())
            db.session.commit()
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            flash(f"{container.name} is saved.", "success")
            return redirect(url_for("containers.show", container_id=container_id))
    return render_template(
        "containers/edit.html", form=form, container=container
    ), 422 if form.errors else 200


@bp.route("/containers/<uuid:container_id>/remove", methods=["GET", "POST"])
@permission("manage")
def remove(container_id: uuid.UUID) -> ResponseReturnValue:
    container = queries.get(db.session(), container_id)
    form = RemovalForm(name_of_container=container.name)
    if form.validate_on_submit():
        name = container.name
        containers.remove(db.session(), container, actor(), form.reason.data)
        db.session.commit()
        flash(f"{name} is removed, with everything recorded of it.", "success")
        return redirect(url_for("containers.index"))
    page = render_template("containers/remove.html", form=form, container=container)
    return page, 422 if form.errors else 200


def _policy() -> EndpointPolicy:
    policy: EndpointPolicy = current_app.extensions["settings"].endpoint_policy()
    return policy
