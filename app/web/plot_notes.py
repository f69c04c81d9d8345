"""Notes on plots: the list, the form that adds one, and the page that removes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError
from app.extensions import db
from app.protocol.plot_notes import NoteKind
from app.queries import plot_notes as queries
from app.services import plot_notes
from app.web import command_line
from app.web.forms.errors import report
from app.web.forms.plot_note import NoteForm, RemovalForm
from app.web.listing import Listing

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("plot_notes", __name__, url_prefix="/notes")


@bp.get("/")
@permission("read")
def index() -> ResponseReturnValue:
    """List them, narrowed and paged; the form is for the moment and the container of the address."""
    return _page(NoteForm.about(request.args))


@bp.post("/")
@permission("operate")
def create() -> ResponseReturnValue:
    form = NoteForm()
    if form.validate_on_submit():
        try:
            plot_notes.add(db.session(), form.values(), actor())
            db.session.commit()
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
        else:
            flash("The note is added. Every plot of that moment shows it.", "success")
            return redirect(url_for("plot_notes.index"))
    return _page(form), 422


@bp.route("/<uuid:note_id>/remove", methods=["GET", "POST"])
@permission("operate")
def remove(note_id: uuid.UUID) -> ResponseReturnValue:
    note, form = queries.get(db.session(), note_id), RemovalForm()
    if form.validate_on_submit():
        plot_notes.remove(db.session(), note, actor(), form.reason.data)
        db.session.commit()
        flash("The note is removed.", "success")
        return redirect(url_for("plot_notes.index"))
    cli = command_line.command("notes", "remove", str(note_id), "--reason=WHY")
    page = render_template("plot_notes/remove.html", note=note, form=form, cli=cli)
    return page, 422 if form.errors else 200


def _page(form: NoteForm) -> str:
    narrowed = queries.NoteFilter.of(request.args)
    listing = Listing("plot_notes", narrowed, queries.ORDERS)
    return render_template(
        "plot_notes/index.html",
        page=queries.page(db.session(), narrowed, listing.where),
        narrowed=narrowed,
        listing=listing,
        kinds=tuple(NoteKind),
        form=form,
        cli=command_line.listed("notes", listing),
        adding=command_line.note(form.at.data, form.kind.data, form.container.data),
    )
