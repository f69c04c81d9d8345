"""Saved views: the menu and the page of a list's, and the forms to save, rename and remove one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db, htmx
from app.queries import saved_views as queries
from app.services import saved_views
from app.web.failures import tell
from app.web.filters import may
from app.web.forms.errors import tell_problems
from app.web.forms.saved_view import ViewForm

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.models import SavedView

bp = Blueprint("saved_views", __name__, url_prefix="/saved-views")


@bp.app_template_global()
def view_url(noun: str, query: str) -> str:
    """Return the address of a list with a view's query."""
    path = url_for(f"{noun}.index")
    return f"{path}?{query}" if query else path


@bp.get("/<noun>")
@permission("read")
def index(noun: str) -> ResponseReturnValue:
    """Show the views of a list; its menu asks for the body alone."""
    query = saved_views.clean(noun, request.args.get("query", ""))
    views = queries.of_list(db.session(), noun, current_user.id)
    template = "saved_views/_body.html" if htmx else "saved_views/index.html"
    form = ViewForm(formdata=None).of_query(query)
    return render_template(template, noun=noun, views=views, query=query, form=form)


@bp.post("/<noun>")
@permission("read")
def create(noun: str) -> ResponseReturnValue:
    saved_views.pages(noun)
    form = ViewForm()
    query = saved_views.clean(noun, form.query.data or "")
    if not form.validate_on_submit():
        tell_problems(form)
        return redirect(url_for("saved_views.index", noun=noun, query=query))
    try:
        saved_views.save(
            db.session(),
            current_user.id,
            actor(),
            noun=noun,
            name=form.name.data,
            query=query,
            shared=form.shared.data,
        )
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
        return redirect(url_for("saved_views.index", noun=noun, query=query))
    flash(f"The view {form.name.data} is saved.", "success")
    return redirect(view_url(noun, query))


@bp.post("/<uuid:view_id>/change")
@permission("read")
def change(view_id: uuid.UUID) -> ResponseReturnValue:
    view, form = _mine(view_id), ViewForm()
    noun = view.noun
    if not form.validate_on_submit():
        tell_problems(form)
        return redirect(url_for("saved_views.index", noun=noun))
    try:
        saved_views.change(db.session(), view, form.name.data, actor(), shared=form.shared.data)
        db.session.commit()
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
    else:
        flash(f"The view is {form.name.data} now.", "success")
    return redirect(url_for("saved_views.index", noun=noun))


@bp.post("/<uuid:view_id>/remove")
@permission("read")
def remove(view_id: uuid.UUID) -> ResponseReturnValue:
    view = _mine(view_id)
    noun, name = view.noun, view.name
    saved_views.remove(db.session(), view, actor())
    db.session.commit()
    flash(f"The view {name} is removed.", "success")
    return redirect(url_for("saved_views.index", noun=noun))


def _mine(view_id: uuid.UUID) -> SavedView:
    return queries.owned(db.session(), view_id, current_user.id, manages=may("manage"))
