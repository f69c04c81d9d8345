"""Statistics: what was exchanged, over any range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, render_template, request

from app.access import permission
from app.errors import Invalid
from app.extensions import db
from app.live import recent
from app.live.fragments import fragment
from app.protocol.states import MessageType, Protocol
from app.protocol.thresholds import UNITS, Side
from app.queries import moments, plot_notes
from app.queries.spans import PRESETS
from app.queries.statistics_view import GROUPS, View
from app.queries.threshold_trials import Trial, replay
from app.web import command_line, reading, thresholds
from app.web.frames import framed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

bp = Blueprint("statistics", __name__, url_prefix="/statistics")

CHOICES: Final[Mapping[str, Any]] = {
    "presets": tuple(PRESETS),
    "groups": GROUPS,
    "types": tuple(MessageType),
    "protocols": tuple(Protocol),
}


@bp.get("/")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """Show the figures of a range, grouped and narrowed as the address says."""
    try:
        view = View.read(request.args)
    except Invalid as refused:
        page = render_template(
            "statistics/index.html", view=View(), given=request.args.items(), problem=refused, **CHOICES
        )
        return page, 400
    given = view.in_url()
    shown = recent.figures(("statistics", view), lambda: fragment("statistics", view=view))
    cli = command_line.found("statistics", "show", given, *(["--all"] if view.whole else []))
    put_in = {"shown": shown}
    return framed("statistics/index.html", put_in, view=view, given=tuple(given.items()), cli=cli, **CHOICES)


@bp.get("/threshold")
@permission("read")
def threshold() -> ResponseReturnValue:
    """Try a threshold on what has been, or ask for one."""
    if "value" not in request.args:
        return _threshold()
    try:
        trial = Trial.read(request.args)
        found = replay(db.session(), trial, moments.now())
    except Invalid as refused:
        return _threshold(problem=refused), 400
    noted = plot_notes.of_view(db.session(), trial.view, found.span.begin, found.span.shown_to)
    return _threshold(
        trial=trial,
        found=found,
        rows=thresholds.rows(trial, found),
        spread=thresholds.spread(trial, found),
        plot=thresholds.plot(trial, found, noted),
        noted=noted,
        value=thresholds.told_in_unit(trial, trial.threshold.value),
        cli=command_line.threshold(trial),
    )


def _threshold(**shown: Any) -> str:
    choices = {**CHOICES, "measures": UNITS, "sides": Side}
    return render_template("statistics/threshold.html", given=request.args, **choices, **shown)
