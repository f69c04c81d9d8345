"""Statistics as a page shows them: plots over their range, and the messages behind each number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from flask import url_for

from app.errors import Invalid
from app.models.rollup import OTHER_METHODS
from app.queries.message_filter import Term, parse, write
from app.web.plot_flags import marked
from app.web.plot_shapes import Series
from app.web.plots import Plot, written

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from flask import Flask

    from app.queries.plot_notes import Noted
    from app.queries.spans import Span
    from app.queries.statistics import Figures
    from app.queries.statistics_view import View

_MOMENT: Final = "%Y-%m-%dT%H:%M"


def register(app: Flask) -> None:
    app.add_template_filter(plotted)
    app.add_template_global(statistics_plots)
    app.add_template_global(messages_behind)


def statistics_plots(view: View, span: Span, points: Sequence[Figures], noted: Noted) -> Sequence[Plot]:
    """Return the plots of messages a second, of errors and of processing times, with the notes on them."""
    found = {each.key[0]: each for each in points}
    times = span.times
    links = [messages_behind(view, span, at=at) for at in times]
    notes = marked(noted, span.begin, span.shown_to)

    def plot(name: str, title: str, unit: str, kind: Any, *series: Series) -> Plot:
        return Plot(
            identifier=name,
            title=title,
            unit=unit,
            kind=kind,
            times=times,
            series=series,
            links=links,
            notes=notes,
        )

    rates, errors = [], []
    for at in times:
        figures, seconds = found.get(at), span.seconds(at)
        rates.append((figures.messages if figures else 0) / seconds if seconds else None)
        errors.append(float(figures.errors) if figures else 0.0)
    quantiles = [
        Series(name, [getattr(found[at], name) if at in found else None for at in times])
        for name in ("p50", "p95", "p99")
    ]
    return (
        plot("rate", "Messages", "a second", "area", Series("messages", rates)),
        plot("errors", "Errors", f"in each {span.word}", "bars", Series("errors", errors)),
        plot("latency", "Processing time", "ms", "lines", *quantiles),
    )


def messages_behind(
    view: View,
    span: Span,
    key: str | None = None,
    *,
    errors: bool = False,
    slower: float | None = None,
    at: dt.datetime | None = None,
) -> str | None:
    """Return the address of the messages that a number counts; None where no filter can tell them.

    `key` is the group's value (a container's name), `at` a step of the range. `slower` asks for those that
    took as long.
    """
    narrowed = {
        each: getattr(view, each) for each in ("container", "connection", "method", "type", "protocol")
    }
    if key is not None:
        narrowed[view.by] = key
    if key in {"", OTHER_METHODS} or narrowed.pop("protocol"):
        return None
    terms = [Term(field, value) for field, value in narrowed.items() if value]
    terms += [Term("status", "error")] if errors else []
    terms += [Term("took", f">={math.floor(slower)}")] if slower is not None else []
    begin, end = (at, at + span.length) if at else (span.begin, span.end)
    terms.append(Term("after", begin.strftime(_MOMENT)))
    terms += [Term("before", end.strftime(_MOMENT))] if end <= span.now else []
    try:
        parse(write(tuple(terms)))
    except Invalid:  # a stranger's method that no filter can hold
        return None
    return url_for("messages.index", filter=write(tuple(terms)))


def plotted(value: float | None) -> str:
    """Write a plot's value in its table."""
    return "–" if value is None else written(value)
