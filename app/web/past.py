"""The past as pages show it: containers as they were at a moment, and how far back a band goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import current_app, render_template, request
from markupsafe import Markup

from app.extensions import db
from app.live import recent
from app.live.lines import lines
from app.queries import past as queries
from app.queries.past import RANGES, USUAL
from app.web import moments
from app.web.forms.past import PastForm
from app.web.frames import framed
from app.web.listing import filters

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

COUNTED_FOR: Final = 60.0
"""Seconds for which the counts of a moment are kept: the past changes only where something is removed."""


def show(noun: str) -> ResponseReturnValue:
    """Show how each container, or its connection, was at the moment `at` of the URL."""
    at = moments.argument("at") or moments.now()
    narrowed = PastForm(request.args)
    session, after = db.session(), narrowed.after.data or ""
    page = queries.page(session, at, narrowed.values(), after=after)
    about = {"noun": noun, "endpoint": f"{noun}.index", "at": at}

    def counts() -> str:
        return render_template("past/_counts.html", counts=queries.counts(session, at), **about)

    def pages() -> str:
        template = current_app.jinja_env.get_template("past/_pages.html")
        return template.render(page=page, after=after, query=narrowed.in_url(), **about)

    put_in = {
        "counts": Markup(recent.figures(("states at", noun, at), counts, COUNTED_FOR)),  # noqa: S704 - a
        "rows": lines("past/_row.html", page.rows, noun=noun),
        "pages": Markup(pages() if page.after or (page.rows and after) else ""),  # noqa: S704 - template's output
    }
    return framed(
        "past/index.html",
        put_in,
        **about,
        found=bool(page.rows),
        searched=bool(narrowed.in_url() or after),
        filters=filters(
            "past/_form.html",
            (noun, at, narrowed.said),
            endpoint=f"{noun}.index",
            at=at,
            narrowed=narrowed,
        ),
    )


def chosen_range() -> str:
    """Return how far back a band of states is to go, as the URL says."""
    chosen = request.args.get("range", "")
    return chosen if chosen in RANGES else USUAL
