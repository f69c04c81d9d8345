"""The fleet at a glance: the overview, statistics and gateways, as pages and live updates show them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from app.live import recent
from app.queries import (
    gateways,
    overview,
    plot_notes,
    protocol_migrations,
    statistics,
    stuck,
)
from app.queries.statistics import ALL, TOP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.queries.plot_notes import Noted
    from app.queries.statistics_view import View

SHOWN_STUCK: Final = 6
"""How much of what is stuck the overview lists."""
MOST_STUCK: Final = 200
"""How much of it its own page lists."""


def stuck_first(session: Session) -> Mapping[str, Any]:
    return {"stuck": stuck.find(session, _now(), limit=SHOWN_STUCK), "kinds": stuck.KINDS}


def stuck_list(session: Session, kind: str) -> Mapping[str, Any]:
    found = stuck.find(session, _now(), kind=kind, limit=MOST_STUCK)
    return {"stuck": found, "kinds": stuck.KINDS, "kind": kind}


def figures(session: Session) -> Mapping[str, Any]:
    fleet = overview.fleet(session)
    return {"figures": overview.figures(session, _now(), fleet), "fleet": fleet}


def rates(session: Session) -> Mapping[str, Any]:
    span = overview.LAST_HOUR.span(_now())
    points = statistics.points(session, overview.LAST_HOUR, span)
    noted = _noted(session, overview.losses_span(span.now))
    return {"view": overview.LAST_HOUR, "span": span, "points": points, "noted": noted}


def losses(session: Session) -> Mapping[str, Any]:
    now = _now()
    bars = overview.losses_over_time(session, now)
    return {
        "losses": overview.recent_losses(session, now),
        "bars": bars,
        "most": max(bar.losses for bar in bars),
        "bar": overview.BAR,
        "noted": _noted(session, overview.losses_span(now)),
    }


def gateways_now(session: Session) -> Mapping[str, Any]:
    return {"fleet": overview.fleet(session)}


def under_way(session: Session) -> Mapping[str, Any]:
    return {"under_way": protocol_migrations.under_way(session)}


def _noted(session: Session, span: tuple[dt.datetime, dt.datetime]) -> Noted:
    """Read the notes of all that the overview draws, so that each has one number there."""
    return plot_notes.of_fleet(session, *span)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def gateway_table(session: Session, sort: str = gateways.FIRST) -> Mapping[str, Any]:
    held = recent.figures("held by gateways", lambda: gateways.held_by_each(session))
    return {
        "gateways": gateways.rows(session, sort, held),
        "nobodys": held.get(None, 0),
        "ended": gateways.ended(session),
        "sort": sort,
    }


def measured(session: Session, view: View) -> Mapping[str, Any]:
    span = view.span(_now())
    found, shown = statistics.groups(session, view, span), ALL if view.whole else TOP
    keys = [each.key[0] for each in found[:shown]] if view.by in {"container", "connection"} else []
    return {
        "view": view,
        "span": span,
        "totals": statistics.totals(session, view, span),
        "points": statistics.points(session, view, span),
        "rows": found[:shown],
        "more": len(found) > shown,
        "names": statistics.names(session, view, keys),
        "twins": statistics.twins(session, view, span) if view.container else {},
        "unmeasured": statistics.unmeasured(session, view),
        "noted": plot_notes.of_view(session, view, span.begin, span.shown_to),
    }
