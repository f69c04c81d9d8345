"""Changing the configurations of many containers: chosen, previewed, confirmed."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, fresh, permission
from app.errors import ConsoleError, Invalid
from app.extensions import db
from app.queries import container_list
from app.services import configuration_bulk
from app.services.configuration_bulk import Verdict
from app.services.configurations import LABELS
from app.web import command_line
from app.web.failures import tell
from app.web.forms.bulk_edit import ConfirmForm, SettingsForm
from app.web.forms.container import PROTOCOLS, STATUSES, ContainerConditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flask.typing import ResponseReturnValue

    from app.services.configuration_bulk import Preview

bp = Blueprint("bulk_edits", __name__, url_prefix="/configurations/change")

SHOWN: Final = 100
"""Containers that the preview lists under each verdict; the numbers are of all."""
IN_URL: Final = 50
"""Chosen containers that a URL can carry; more are posted."""


class Selection(NamedTuple):
    """The containers: those that were chosen one by one, or else all that a filter finds."""

    chosen: Sequence[uuid.UUID]
    narrowed: ContainerConditions

    @property
    def ids(self) -> Sequence[uuid.UUID]:
        return self.chosen or container_list.ids(db.session(), self.narrowed.values())

    @property
    def given(self) -> list[tuple[str, str]]:
        """Return it as parameters of a form or URL."""
        return [("container", str(each)) for each in self.chosen] or [*self.narrowed.in_url()]

    @classmethod
    def sent(cls) -> Selection:
        chosen: list[uuid.UUID] = []
        for text in request.values.getlist("container"):
            with suppress(ValueError):
                chosen.append(uuid.UUID(text))
        return cls(list(dict.fromkeys(chosen)), ContainerConditions(request.values))


@bp.route("", methods=["GET", "POST"])
@permission("configure")
@fresh
def edit() -> ResponseReturnValue:
    """Show which containers and which settings, and what would come of it; stores nothing."""
    selection, settings = Selection.sent(), SettingsForm(request.values)
    changes = settings.changes()
    shown = _preview(selection, changes) if changes and not settings.errors else None
    confirm = ConfirmForm(formdata=None, data={"fingerprint": shown.fingerprint if shown else ""})
    return _page(selection, settings, shown, confirm)


@bp.post("/apply")
@permission("configure")
@fresh
def apply() -> ResponseReturnValue:
    """Do what was previewed, if it still is that; otherwise show the preview again."""
    selection, settings, confirm = Selection.sent(), SettingsForm(request.values), ConfirmForm()
    changes = settings.changes()
    if settings.errors or not confirm.validate_on_submit():
        return _again(selection, settings, changes, confirm, 422)
    try:
        done = configuration_bulk.change(
            db.session(),
            selection.ids,
            changes,
            count=confirm.number,
            reason=confirm.reason.data or "",
            actor=actor(),
            fingerprint=confirm.fingerprint.data or "",
        )
    except ConsoleError as error:
        db.session.rollback()
        tell(error)
        return _again(selection, settings, changes, confirm, 409)
    db.session.commit()
    number = len(done.revisions)
    flash(f"{number} {'configuration is' if number == 1 else 'configurations are'} changed.", "success")
    return redirect(url_for("configuration_revisions.index", bulk=done.bulk_id))


def _again(
    selection: Selection,
    settings: SettingsForm,
    changes: Mapping[str, Any],
    confirm: ConfirmForm,
    status: int,
) -> ResponseReturnValue:
    """Show the preview as it is now; the number has to be typed anew, the reason stays."""
    shown = _preview(selection, changes) if changes and not settings.errors else None
    kept = {"reason": confirm.reason.data, "fingerprint": shown.fingerprint if shown else ""}
    form = ConfirmForm(formdata=None, data=kept)
    for name, problems in confirm.errors.items():
        if name in kept or name == "count":
            form[name].errors = problems
    return _page(selection, settings, shown, form), status


def _preview(selection: Selection, changes: Mapping[str, Any]) -> Preview | None:
    try:
        return configuration_bulk.preview(db.session(), selection.ids, changes)
    except Invalid as error:
        tell(error)
        return None


def _page(selection: Selection, settings: SettingsForm, shown: Preview | None, confirm: ConfirmForm) -> str:
    return render_template(
        "bulk_edits/edit.html",
        selection=selection,
        settings=settings,
        preview=shown,
        confirm=confirm,
        verdicts=Verdict,
        labels=LABELS,
        most_shown=SHOWN,
        by_post=len(selection.chosen) > IN_URL,
        choices={"status": STATUSES, "protocol": PROTOCOLS},
        cli=command_line.change_many(settings.given, selection.given, len(shown.changing)) if shown else "",
    )
