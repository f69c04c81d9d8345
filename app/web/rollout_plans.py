"""Planning a rollout: previewed as often as one likes, then confirmed, made and started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from app.access import actor, fresh, permission
from app.errors import ConsoleError, Invalid
from app.extensions import db
from app.queries import rollout_checks
from app.services import rollout_drafts, rollout_plans, rollouts
from app.web import rollout_commands
from app.web.forms.container import ONLY, PROTOCOLS, STATUSES
from app.web.forms.errors import report
from app.web.forms.rollout import ConfirmForm, PlanForm

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from app.models import Rollout
    from app.protocol.rollout_plan import RolloutPlan
    from app.queries.rollout_checks import Checked
    from app.services.rollout_plans import Preview

bp = Blueprint("rollout_plans", __name__)

NAMED: Final = 100


class Shown(NamedTuple):
    """A plan and what it would do now."""

    plan: RolloutPlan
    preview: Preview
    checked: Checked


@bp.get("/rollouts/new")
@permission("migrate")
@fresh
def new() -> ResponseReturnValue:
    """Show the form, and once it was filled in what would come of it; stores nothing."""
    form = PlanForm(request.args)
    shown = _shown(form) if form.sent else None
    kept = {"shown": shown.preview.digest if shown else ""}
    return _page(form, shown, ConfirmForm(formdata=None, data=kept))


@bp.post("/rollouts")
@permission("migrate")
@fresh
def create() -> ResponseReturnValue:
    """Make it, if it still concerns those who were shown and their number was typed; start it if asked to."""
    form, confirm = PlanForm(request.form), ConfirmForm()
    shown = _shown(form) if form.sent else None
    if shown is not None and confirm.validate_on_submit() and _confirmed(confirm, shown.preview):
        try:
            rollout = _make(form, shown.plan, confirm, start=request.form.get("do") == "start")
        except ConsoleError as error:
            db.session.rollback()
            report(error, confirm)
        else:
            became = "started" if rollout.started_at else "a draft; start it when you like"
            flash(f"{rollout.name} is {became}.", "success")
            return redirect(url_for("rollouts.show", rollout_id=rollout.id))
    if shown is not None:
        confirm.shown.data = shown.preview.digest
    return _page(form, shown, confirm), 422


def _confirmed(confirm: ConfirmForm, preview: Preview) -> bool:
    if confirm.shown.data != preview.digest:
        confirm.form_errors.append("Who takes part has changed since it was shown. This is how it is now.")
        confirm.count.process(None)  # the number is typed anew
    elif confirm.count.data != preview.total:
        confirm.count.errors = [f"type {preview.total} to confirm"]
    return not confirm.errors


def _make(form: PlanForm, plan: RolloutPlan, confirm: ConfirmForm, *, start: bool) -> Rollout:
    session, count, reason = db.session(), confirm.count.data, confirm.reason.data
    name, digest = form.name.data, confirm.shown.data
    rollout = rollout_drafts.create(
        session, name, plan, count=count, digest=digest, reason=reason, actor=actor()
    )
    if start:
        rollouts.start(session, rollout, count=count, reason=reason, actor=actor())
    session.commit()
    return rollout


def _shown(form: PlanForm) -> Shown | None:
    """Preview what the form says; None where something is wrong with it, which the form tells then."""
    if not form.validate():
        return None
    try:
        plan = form.plan()
        preview = rollout_plans.preview(db.session(), plan)
    except Invalid as error:
        report(error, form)
        return None
    policy = current_app.extensions["settings"].endpoint_policy()
    checked = rollout_checks.of(db.session(), preview.taking_part, plan.to_protocol, policy)
    return Shown(plan, preview, checked)


def _page(form: PlanForm, shown: Shown | None, confirm: ConfirmForm) -> str:
    return render_template(
        "rollouts/new.html",
        form=form,
        conditions=form.conditions,
        shown=shown,
        confirm=confirm,
        named=NAMED,
        choices={"status": STATUSES, "protocol": PROTOCOLS, "only": ONLY},
        cli=rollout_commands.create(form, shown.plan, shown.preview.total) if shown else None,
    )
