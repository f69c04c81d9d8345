"""People: who may sign in, and what each of them may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.live.lines import lines
from app.queries import users as queries
from app.services import users
from app.services.users import RoleName
from app.web import command_line, reading
from app.web.forms.errors import report
from app.web.forms.user import UserChangeForm, UserForm
from app.web.frames import framed
from app.web.listing import Listing

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("users", __name__, url_prefix="/users")


@bp.get("/")
@permission("manage")
@reading.alone
def index() -> ResponseReturnValue:
    """List the people, narrowed and paged."""
    narrowed = queries.UserFilter.of(request.args)
    listing = Listing("users", narrowed, queries.ORDERS)
    page = queries.page(db.session(), narrowed, listing.where)
    rows = lines("users/_row.html", page.rows, you=current_user.id)
    return framed(
        "users/index.html",
        {"rows": rows, "pages": listing.pages(page)},
        found=bool(page.rows),
        narrowed=narrowed,
        listing=listing,
        roles=tuple(RoleName),
        cli=command_line.listed("users", listing),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission("manage")
def new() -> ResponseReturnValue:
    form = UserForm()
    if form.validate_on_submit():
        try:
            user = users.add(db.session(), form.email.data, form.password.data, form.role.data or (), actor())
            db.session.commit()
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            flash(f"{user.email} may sign in now.", "success")
            return redirect(url_for("users.index"))
    return render_template("users/new.html", form=form), 422 if form.errors else 200


@bp.route("/<uuid:user_id>", methods=["GET", "POST"])
@permission("manage")
def edit(user_id: uuid.UUID) -> ResponseReturnValue:
    user = queries.get(db.session(), user_id)
    form = UserChangeForm.of(user)
    if form.validate_on_submit():
        try:
            _change(form, user_id)
            db.session.commit()
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            flash(f"{user.email} is changed.", "success")
            return redirect(url_for("users.index"))
    return render_template("users/edit.html", form=form, user=user), 422 if form.errors else 200


def _change(form: UserChangeForm, user_id: uuid.UUID) -> None:
    session = db.session()
    user = queries.get(session, user_id)
    roles, reason = form.role.data or (), form.reason.data
    users.change(session, user, roles, active=form.active.data, actor=actor(), reason=reason)
    if form.password.data:
        users.set_password(session, user, form.password.data, actor())
