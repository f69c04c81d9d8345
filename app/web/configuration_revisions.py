"""Configuration revisions: the fleet's list, and one with what it changed and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, permission
from app.errors import ConsoleError, Outdated
from app.extensions import db
from app.live.fragments import fragment
from app.queries import configuration_revisions as queries
from app.queries import containers
from app.services import configurations
from app.services.configuration_revisions import changed
from app.services.configurations import LABELS, reconnects
from app.web import command_line, reading
from app.web.failures import tell
from app.web.forms.configuration_revision import RevertForm, RevisionsForm
from app.web.forms.errors import tell_problems
from app.web.frames import framed
from app.web.listing import filters
from app.web.timeline import cursor

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

    from app.models import ConfigurationRevision

bp = Blueprint("configuration_revisions", __name__)

OF_CONTAINER: Final = "/containers/<uuid:container_id>/configuration/revisions/<int:number>"


class Difference(NamedTuple):
    """A field of a revision, beside the revision before it and the current one."""

    label: str
    before: Any
    value: Any
    current: Any


@bp.get("/configurations")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """Show who changed which configuration, the newest first."""
    narrowed, before = RevisionsForm(request.args), cursor()
    query = narrowed.in_url()
    shown = fragment("revisions", narrowed=narrowed.values(), query=list(query.items()), before=before)
    return framed(
        "configuration_revisions/index.html",
        {"shown": shown},
        before=before,
        query=tuple(query.items()),
        cli=command_line.found("configurations", "revisions", query),
        filters=filters("configuration_revisions/_filters.html", tuple(query.items()), narrowed=narrowed),
    )


@bp.get(OF_CONTAINER)
@permission("read")
def show(container_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session = db.session()
    container = containers.get(session, container_id)
    revision = queries.get(session, container_id, number)
    latest = queries.latest(session, container_id) or revision
    differing = changed(latest.settings, revision.settings)
    return render_template(
        "configuration_revisions/show.html",
        container=container,
        revision=revision,
        latest=latest,
        newer=queries.find(session, container_id, number + 1),
        differences=_differences(revision, queries.find(session, container_id, number - 1), latest),
        differing=differing,
        reconnects=reconnects(differing),
        form=RevertForm(data={"base": latest.number}),
    )


@bp.post(f"{OF_CONTAINER}/revert")
@permission("configure")
def revert(container_id: uuid.UUID, number: int) -> ResponseReturnValue:
    """Bring an earlier configuration back, as a new revision."""
    revision, form = queries.get(db.session(), container_id, number), RevertForm()
    back = redirect(url_for("configuration_revisions.show", container_id=container_id, number=number))
    if not form.validate_on_submit():
        tell_problems(form)
        return back
    try:
        saved = configurations.revert(
            db.session(), revision, actor(), form.reason.data or "", base=form.base_number
        )
    except Outdated as error:
        db.session.commit()  # it may have noted a change by others; of ours nothing is stored
        tell(error)
        return back
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
        return back
    db.session.commit()
    if saved is None:
        flash(f"Revision {number} is what is current already, so nothing was saved.", "info")
        return back
    how = "The gateway reconnects for it now." if reconnects(saved.changed) else "It is applied at once."
    flash(f"Reverted to revision {number}, as revision {saved.number}. {how}", "success")
    return redirect(url_for("configuration_revisions.show", container_id=container_id, number=saved.number))


def _differences(
    revision: ConfigurationRevision, before: ConfigurationRevision | None, latest: ConfigurationRevision
) -> list[Difference]:
    older = before.settings if before is not None else {}
    return [
        Difference(label, older.get(name), revision.settings.get(name), latest.settings.get(name))
        for name, label in LABELS.items()
    ]
