"""What people do with a rollout, each on a page of its own that says beforehand what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.access import actor, fresh, permission
from app.errors import ConsoleError, Invalid, NotFound
from app.extensions import db
from app.protocol.rollout_states import Control
from app.queries import rollout_pages
from app.queries import rollouts as queries
from app.queries.rollout_containers import PartFilter
from app.services import rollout_consequences, rollout_drafts, rollout_plans, rollouts
from app.web import rollout_commands
from app.web.forms.errors import report
from app.web.forms.fields import uuid_of
from app.web.forms.rollout import ControlForm

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from app.models import Rollout
    from app.services.rollout_drafts import Changes

bp = Blueprint("rollout_controls", __name__)


class Words(NamedTuple):
    """What a control is called, what it does, what is said when it is done, and whether a number is typed."""

    title: str
    what: str
    done: str
    counted: bool = False


WORDS: Final[Mapping[Control, Words]] = {
    Control.START: Words(
        "Start", "The first wave begins, as soon as the window is open if there is one.", "is started", True
    ),
    Control.PAUSE: Words(
        "Pause",
        "No more containers begin. Those that are running end as they would have, and limits act as ever.",
        "is paused",
    ),
    Control.RESUME: Words("Resume", "It goes on where it was paused.", "goes on"),
    Control.PROMOTE: Words(
        "Promote",
        "The present wave passes now: one that bakes at once, one that has failed in spite of that. Then it"
        " goes on with the next.",
        "goes on with the next wave",
    ),
    Control.ABORT: Words("Abort", "No more containers begin, for good.", "is aborted", True),
    Control.RETRY: Words(
        "Retry",
        "Those that failed are moved again, and no others; after a roll back those that were taken back, too."
        " Their waves are gone through again.",
        "is retried",
        True,
    ),
    Control.ROLL_BACK: Words(
        "Roll back all",
        "All containers that were moved are taken back, and those that have not switched yet are cancelled.",
        "rolls back",
        True,
    ),
    Control.ROLL_BACK_SOME: Words(
        "Roll back some", "Those chosen are taken back; the rollout stays as it is.", "rolls some back", True
    ),
}
DANGEROUS: Final = frozenset({Control.ABORT, Control.ROLL_BACK, Control.ROLL_BACK_SOME})


class Asked(NamedTuple):
    """A control of a rollout, how many it concerns, and for which parts it is asked (of some only)."""

    control: Control
    number: int | None
    changed: Changes | None = None
    parts: Sequence[uuid.UUID] = ()
    names: Sequence[str] = ()


@bp.route("/rollouts/<uuid:rollout_id>/pause", methods=["GET", "POST"])
@permission("migrate")
def pause(rollout_id: uuid.UUID) -> ResponseReturnValue:
    """Ask for the brake: nobody has to find the password first."""
    return _ask(rollout_id, Control.PAUSE)


@bp.route("/rollouts/<uuid:rollout_id>/<control>", methods=["GET", "POST"])
@permission("migrate")
@fresh
def ask(rollout_id: uuid.UUID, control: str) -> ResponseReturnValue:
    """Say what a control would do, and do it once it is confirmed."""
    try:
        return _ask(rollout_id, Control(control.replace("-", "_")))
    except ValueError as error:
        raise NotFound(f"nothing of a rollout is called {control!r}") from error


def _ask(rollout_id: uuid.UUID, control: Control) -> ResponseReturnValue:
    rollout = queries.get(db.session(), rollout_id)
    back = url_for("rollouts.show", rollout_id=rollout_id)
    if (why := rollouts.obstacles(db.session(), rollout)[control]) is not None:
        flash(f"That cannot be done now: {why}.", "danger")
        return redirect(back)
    try:
        asked = _asked(rollout, control)
    except Invalid as error:
        flash(f"That cannot be done now: {error.problem}.", "danger")
        return redirect(back)
    if control is Control.ROLL_BACK_SOME and not asked.parts:
        return _choose(rollout)
    form = ControlForm(counted=WORDS[control].counted, changed=bool(asked.changed))
    if form.validate_on_submit() and _confirmed(form, asked):
        try:
            _do(rollout, asked, form)
        except ConsoleError as error:
            db.session.rollback()
            report(error, form)
            asked = _asked(rollout, control)
        else:
            flash(f"{rollout.name} {WORDS[control].done}.", "success")
            return redirect(back)
    return _page(rollout, asked, form), 422 if form.errors or form.form_errors else 200


def _asked(rollout: Rollout, control: Control) -> Asked:
    session = db.session()
    if control is Control.ROLL_BACK_SOME:
        parts = _chosen(rollout)
        names = rollout_pages.names(session, rollout.id, parts) if parts else []
        return Asked(control, len(names), parts=parts if names else (), names=names)
    if control is Control.START:
        shown = rollout_plans.preview(session, rollout.planned, rollout_id=rollout.id)
        return Asked(control, shown.total, rollout_drafts.changes(session, rollout, shown))
    if not WORDS[control].counted:
        return Asked(control, None)
    counted = queries.total(queries.counts(session, rollout.id))
    return Asked(control, rollouts.concerned(counted, control, rollout))


def _chosen(rollout: Rollout) -> Sequence[uuid.UUID]:
    """Return the parts that were ticked, or all that the filter of the page finds."""
    if request.values.get("choose") == "all":
        found = rollout_pages.completed(db.session(), rollout.id, PartFilter.of(request.values))
        return [each.id for each in found]
    ticked = map(uuid_of, request.values.getlist("part")[: rollout_pages.MOST_CHOSEN])
    return [each for each in ticked if each is not None]


def _choose(rollout: Rollout) -> str:
    narrowed = PartFilter.of(request.args)
    return render_template(
        "rollouts/choose.html",
        rollout=rollout,
        narrowed=narrowed,
        rows=rollout_pages.completed(db.session(), rollout.id, narrowed),
        most=rollout_pages.MOST_CHOSEN,
        waves=queries.waves(db.session(), rollout.id),
    )


def _confirmed(form: ControlForm, asked: Asked) -> bool:
    if "count" in form and form.count.data != asked.number:
        form.count.errors = [f"type {asked.number} to confirm"]
    if "accept" in form and not form.accept.data:
        form.accept.errors = ["who takes part has changed: accept it, or make another plan"]
    return not form.errors


def _do(rollout: Rollout, asked: Asked, form: ControlForm) -> None:
    session, given = db.session(), {"reason": form.reason.data, "actor": actor()}
    counted: dict[str, Any] = {**given, "count": asked.number}
    match asked.control:
        case Control.START:
            rollouts.start(session, rollout, accept_changes="accept" in form, **counted)
        case Control.PAUSE:
            rollouts.pause(session, rollout, **given)
        case Control.RESUME:
            rollouts.resume(session, rollout, **given)
        case Control.PROMOTE:
            rollouts.promote(session, rollout, **given)
        case Control.ABORT:
            rollouts.abort(session, rollout, **counted)
        case Control.RETRY:
            rollouts.retry(session, rollout, **counted)
        case Control.ROLL_BACK:
            rollouts.roll_back(session, rollout, **counted)
        case Control.ROLL_BACK_SOME:
            rollouts.roll_back(session, rollout, only=asked.parts, **counted)
    session.commit()


def _page(rollout: Rollout, asked: Asked, form: ControlForm) -> str:
    return render_template(
        "rollouts/control.html",
        rollout=rollout,
        asked=asked,
        words=WORDS[asked.control],
        dangerous=asked.control in DANGEROUS,
        consequences=rollout_consequences.of(db.session(), rollout, asked.control),
        form=form,
        cli=rollout_commands.control(rollout.id, asked.control, asked.number, asked.names),
    )
