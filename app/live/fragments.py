"""Fragments: partials that a page and a live update both render, each with the loader of what it shows.

A page calls `fragment(name, …)` where the partial stands, the hub calls it when that has changed, and both
get the same bytes. A fragment knows nothing of its viewer: what depends on a role, is hidden by the page.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from flask import current_app
from markupsafe import Markup

from app.errors import NotFound
from app.extensions import db
from app.live import bands, recent, rollout_fragments
from app.protocol.phases import way
from app.protocol.preflight import BY_NETWORK, joined, overall
from app.protocol.states import Protocol
from app.protocol.strategies import Strategy
from app.queries import (
    acp_sessions,
    blast,
    configuration_revisions,
    configuration_trials,
    connection_actions,
    connection_list,
    connections,
    containers,
    ends,
    fleet_actions,
    fleet_sessions,
    gateways,
    messages,
    overview,
    past,
    preflights,
    protocol_migrations,
    statistics,
    stuck,
    waiting,
    way_home,
)
from app.queries.statistics import ALL, TOP
from app.services.configurations import DEFAULTS, LABELS, ConfigurationValues
from app.services.connection_actions import obstacles
from app.services.preflights import obstacle as dry_run_obstacle

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import AcpMessage
    from app.queries.configuration_revisions import RevisionFilter, RevisionRow
    from app.queries.connection_list import ConnectionFilter
    from app.queries.fleet_sessions import SessionFilter
    from app.queries.paging import Where
    from app.queries.past import Span
    from app.queries.protocol_migrations import MigrationFilter
    from app.queries.statistics_view import View

    Parameters = Sequence[tuple[str, str]]

TIMELINE_ROWS: Final = 50
"""The records that a timeline shows at first, and loads at once when older ones are asked for."""


SHOWN_STUCK: Final = 6
"""How much of what is stuck the overview lists."""

REVISIONS: Final = 50
"""Configuration revisions that a page of the list shows."""

NEIGHBOURS: Final = 3
MOST_AROUND: Final = 50
"""How many records before and after are shown beside one, and how many at most."""


class Fragment(NamedTuple):
    """A template, and the function that loads its context."""

    template: str
    load: Callable[..., Mapping[str, Any]]


def fragment(name: str, /, **subject: Any) -> Markup:
    """Render a fragment with what the database says now.

    Raises:
        NotFound: what it shows is not there (any more).
    """
    template, load = FRAGMENTS[name]
    # Without Flask's context processors: what they add is of the viewer, whom a fragment does not know.
    html = current_app.jinja_env.get_template(template).render(load(db.session(), **subject))
    return Markup(html.strip())  # noqa: S704 - a template's output, escaped where it was made


def _container_row(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    row = containers.row(session, container_id)
    if row is None:
        raise NotFound(f"there is no container {container_id}")
    return {"row": row}


def _container_counts(session: Session) -> Mapping[str, Any]:
    return {"counts": recent.counts(session)}


def _container_state(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        **_container_row(session, container_id),
        "container": containers.get(session, container_id),
        "connection": connections.active(session, container_id),
        "migration": protocol_migrations.open_of(session, container_id),
    }


def _container_connections(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {"container_id": container_id, "connections": connections.of_container(session, container_id)}


def _container_waiting(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    active = connections.active(session, container_id)
    found = waiting.of_connection(session, active.id) if active is not None else []
    return {"subject_id": container_id, "waiting": found}


def _connection_waiting(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": connection_id, "waiting": waiting.of_connection(session, connection_id)}


def _connection_actions(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container": container,
        "obstacles": obstacles(session, container),
        "hold": connection_actions.hold_of(session, container_id),
        "actions": connection_actions.of_container(session, container_id),
    }


def _fleet_action(session: Session, fleet_action_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "fleet": fleet_actions.get(session, fleet_action_id),
        "progress": fleet_actions.progress(session, fleet_action_id),
        "parts": fleet_actions.parts(session, fleet_action_id),
    }


def _migration_actions(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    protocol = container.session.protocol_type
    targets = [each for each in Protocol if container.supports(each) and each != protocol]
    return {
        "container": container,
        "targets": targets,
        "under_way": protocol_migrations.open_of(session, container_id),
        "to_roll_back": protocol_migrations.to_roll_back(session, container),
    }


def _way_home(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {"container": container, "decision": way_home.of(session, container)}


def _migration_history(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    found = protocol_migrations.of_container(session, container_id)
    return {"container_id": container_id, "migrations": found}


def _migration_standing(session: Session, migration_id: uuid.UUID) -> Mapping[str, Any]:
    migration = protocol_migrations.get(session, migration_id)
    session.refresh(migration)
    return {
        "migration": migration,
        "plan": migration.plan,
        "stations": way(migration.plan, [each.phase for each in migration.steps]),
        "can_roll_back": protocol_migrations.to_roll_back(session, migration.container) is migration,
        "meanwhile": blast.of(session, migration.container).interrupts(Strategy.GRACEFUL),
    }


def _migration_details(session: Session, migration_id: uuid.UUID) -> Mapping[str, Any]:
    migration = protocol_migrations.get(session, migration_id)
    steps = list(migration.steps)
    return {
        "migration": migration,
        "plan": migration.plan,
        "steps": list(zip_longest(steps, [each.at for each in steps[1:]])),
        "looked": preflights.of_migration(session, migration_id),
    }


def _preflight(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    target = container.other_protocol
    policy = current_app.extensions["settings"].endpoint_policy()
    static = preflights.static_checks(session, container, target, policy)
    last = preflights.latest(session, container_id, target)
    seen = last.found if last is not None and not last.open else []
    checks = joined(static, seen)
    return {
        "container": container,
        "target": target,
        "last": last,
        "checks": checks,
        "verdict": overall(checks),
        "of_dry_run": overall(joined([], seen)),
        "network": BY_NETWORK,
        "obstacle": dry_run_obstacle(session, container),
        "holder": gateways.holder(session, container_id),
    }


def _blast(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container_id": container_id,
        "radius": blast.of(session, container),
        "strategies": list(Strategy),
    }


def _configuration_values(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container": container,
        "values": ConfigurationValues.of(container.configuration).as_dict(),
        "defaults": DEFAULTS.as_dict(),
        "labels": LABELS,
        "latest": configuration_revisions.latest(session, container_id),
    }


def _configuration_revisions(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "container": containers.get(session, container_id),
        "revisions": configuration_revisions.of_container(session, container_id),
        "labels": LABELS,
    }


def _configuration_trials(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "container_id": container_id,
        "trials": configuration_trials.of_container(session, container_id),
        "labels": LABELS,
    }


def _gateways(session: Session, sort: str = gateways.FIRST) -> Mapping[str, Any]:
    held = recent.figures("held by gateways", lambda: gateways.held_by_each(session))
    return {
        "gateways": gateways.rows(session, sort, held),
        "nobodys": held.get(None, 0),
        "ended": gateways.ended(session),
        "silent_after": gateways.SILENT_AFTER,
        "sort": sort,
    }


def _migrations(session: Session, narrowed: MigrationFilter, where: Where) -> Mapping[str, Any]:
    page = protocol_migrations.page(session, narrowed, where)
    sort = where.word(protocol_migrations.ORDERS)
    query = urlencode([*narrowed.in_url(), *([("sort", sort)] if sort.startswith("-") else [])])
    return {"page": page, "query": query, "narrowed": narrowed, "begun": not (where.after or where.before)}


def _connection_state(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"connection": connections.get(session, connection_id)}


def _connection_transitions(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    found = connections.transitions(session, connection_id)
    return {"connection_id": connection_id, "transitions": found}


def _connection_ends(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": connection_id, "ends": ends.by_kind(session, connection_id=connection_id)}


def _container_ends(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": container_id, "ends": ends.by_kind(session, container_id=container_id)}


def _connection_band(
    session: Session, connection_id: uuid.UUID, within: str = past.USUAL
) -> Mapping[str, Any]:
    return _band(partial(past.of_connection, session, connection_id), connection_id, within)


def _container_band(session: Session, container_id: uuid.UUID, within: str = past.USUAL) -> Mapping[str, Any]:
    return _band(partial(past.of_container, session, container_id), container_id, within)


def _band(read: Callable[..., Sequence[Span]], subject_id: uuid.UUID, within: str) -> Mapping[str, Any]:
    """Read the states of the last hours or days, and lay them out."""
    now = _now()
    spans = read(begin=now - past.RANGES[within], end=now)
    laid_out = {"pieces": bands.pieces(spans), "shares": bands.shares(spans), "width": bands.WIDTH}
    return {"subject_id": subject_id, "within": within, "spans": spans, **laid_out}


def _overview_stuck(session: Session) -> Mapping[str, Any]:
    return {"stuck": stuck.find(session, _now(), limit=SHOWN_STUCK), "kinds": stuck.KINDS}


def _overview_figures(session: Session) -> Mapping[str, Any]:
    fleet = overview.fleet(session)
    return {"figures": overview.figures(session, _now(), fleet), "fleet": fleet}


def _overview_rates(session: Session) -> Mapping[str, Any]:
    span = overview.LAST_HOUR.span(_now())
    points = statistics.points(session, overview.LAST_HOUR, span)
    return {"view": overview.LAST_HOUR, "span": span, "points": points}


def _overview_losses(session: Session) -> Mapping[str, Any]:
    now = _now()
    bars = overview.losses_over_time(session, now)
    return {
        "losses": overview.recent_losses(session, now),
        "bars": bars,
        "most": max(bar.losses for bar in bars),
        "bar": overview.BAR,
    }


def _overview_gateways(session: Session) -> Mapping[str, Any]:
    return {"fleet": overview.fleet(session)}


def _overview_migrations(session: Session) -> Mapping[str, Any]:
    return {"under_way": protocol_migrations.under_way(session)}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _conversation(
    session: Session, container_id: uuid.UUID, session_id: str, view: str = ""
) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    found = acp_sessions.records(session, container, session_id)
    return {"container": container, "session_id": session_id, "found": found, "view": view}


def _fleet_sessions(session: Session, narrowed: SessionFilter) -> Mapping[str, Any]:
    return {"page": fleet_sessions.page(session, narrowed), "narrowed": narrowed}


def _connection_list(
    session: Session, narrowed: ConnectionFilter, order: str, query: Parameters
) -> Mapping[str, Any]:
    found = connection_list.page(session, narrowed, order=order)
    return {"page": found, "query": dict(query), "begun": True}


def _connection_counts(session: Session) -> Mapping[str, Any]:
    read = partial(connection_list.counts, session)
    return {"counts": recent.figures("connections by state", read)}


def _revisions(session: Session, narrowed: RevisionFilter, query: Parameters) -> Mapping[str, Any]:
    found = configuration_revisions.page(session, narrowed, limit=REVISIONS + 1)
    return revisions_shown(found, query)


def revisions_shown(
    found: Sequence[RevisionRow], query: Parameters, before: uuid.UUID | None = None
) -> Mapping[str, Any]:
    """Return the context of the list of revisions; one more than a page has been read."""
    rows = found[:REVISIONS]
    older = rows[-1].revision.id if len(found) > REVISIONS else None
    return {"rows": rows, "older": older, "query": dict(query), "before": before, "labels": LABELS}


def _statistics(session: Session, view: View) -> Mapping[str, Any]:
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
    }


def _message_rows(_: Session, records: Sequence[AcpMessage]) -> Mapping[str, Any]:
    return {"records": records}


def _found_rows(session: Session, records: Sequence[AcpMessage]) -> Mapping[str, Any]:
    return {
        "records": records,
        "names": connections.container_names(session, {each.connection_id for each in records}),
    }


def _message_pair(session: Session, message_id: uuid.UUID) -> Mapping[str, Any]:
    message = messages.get(session, message_id)
    return {"message": message, "counterpart": messages.counterpart(session, message)}


def _message_around(
    session: Session, message_id: uuid.UUID, neighbours: int = NEIGHBOURS
) -> Mapping[str, Any]:
    message = messages.get(session, message_id)
    limit = min(max(neighbours, 1), MOST_AROUND)
    beside = partial(messages.of_connection, session, message.connection_id, limit=limit)
    return {"message": message, "around": [*beside(after=message.id), message, *beside(before=message.id)]}


FRAGMENTS: Final[Mapping[str, Fragment]] = {
    "container_row": Fragment("containers/_row.html", _container_row),
    "container_counts": Fragment("containers/_counts.html", _container_counts),
    "container_state": Fragment("containers/_state.html", _container_state),
    "container_connections": Fragment("connections/_table.html", _container_connections),
    "container_waiting": Fragment("messages/_waiting.html", _container_waiting),
    "connection_actions": Fragment("connection_actions/_actions.html", _connection_actions),
    "fleet_action": Fragment("fleet_actions/_progress.html", _fleet_action),
    "migration_actions": Fragment("protocol_migrations/_actions.html", _migration_actions),
    "migration_standing": Fragment("protocol_migrations/_standing.html", _migration_standing),
    "migration_details": Fragment("protocol_migrations/_details.html", _migration_details),
    "preflight": Fragment("preflights/_panel.html", _preflight),
    "blast": Fragment("preflights/_blast.html", _blast),
    "way_home": Fragment("protocol_migrations/_way_home.html", _way_home),
    "migration_history": Fragment("protocol_migrations/_history.html", _migration_history),
    "configuration_values": Fragment("configurations/_values.html", _configuration_values),
    "configuration_revisions": Fragment("configuration_revisions/_history.html", _configuration_revisions),
    "configuration_trials": Fragment("configurations/_trials.html", _configuration_trials),
    "gateways": Fragment("gateways/_table.html", _gateways),
    "migrations": Fragment("protocol_migrations/_table.html", _migrations),
    "connection_state": Fragment("connections/_state.html", _connection_state),
    "connection_waiting": Fragment("messages/_waiting.html", _connection_waiting),
    "connection_transitions": Fragment("connections/_transitions.html", _connection_transitions),
    "connection_ends": Fragment("connections/_ends.html", _connection_ends),
    "connection_band": Fragment("connections/_band.html", _connection_band),
    "connection_spans": Fragment("connections/_spans.html", _connection_band),
    "container_ends": Fragment("connections/_ends.html", _container_ends),
    "container_band": Fragment("connections/_band.html", _container_band),
    "container_spans": Fragment("connections/_spans.html", _container_band),
    "overview_stuck": Fragment("overview/_stuck.html", _overview_stuck),
    "overview_figures": Fragment("overview/_figures.html", _overview_figures),
    "overview_rates": Fragment("overview/_rates.html", _overview_rates),
    "overview_losses": Fragment("overview/_losses.html", _overview_losses),
    "overview_gateways": Fragment("overview/_gateways.html", _overview_gateways),
    "overview_migrations": Fragment("overview/_migrations.html", _overview_migrations),
    "message_pair": Fragment("messages/_pair.html", _message_pair),
    "message_around": Fragment("messages/_around.html", _message_around),
    "conversation": Fragment("sessions/_conversation.html", _conversation),
    "fleet_sessions": Fragment("sessions/_fleet.html", _fleet_sessions),
    "connection_list": Fragment("connections/_list.html", _connection_list),
    "connection_counts": Fragment("connections/_counts.html", _connection_counts),
    "revisions": Fragment("configuration_revisions/_list.html", _revisions),
    "rollout_list": Fragment("rollouts/_list.html", rollout_fragments.listed),
    "rollout_state": Fragment("rollouts/_state.html", rollout_fragments.state),
    "rollout_waves": Fragment("rollouts/_waves.html", rollout_fragments.waves),
    "rollout_limits": Fragment("rollouts/_limits.html", rollout_fragments.limits),
    "rollout_parts": Fragment("rollouts/_parts.html", rollout_fragments.parts),
    "rollout_events": Fragment("rollouts/_events.html", rollout_fragments.events),
    "rollout_deliveries": Fragment("rollouts/_deliveries.html", rollout_fragments.deliveries),
    "container_rollouts": Fragment("rollouts/_of_container.html", rollout_fragments.of_container),
    "overview_rollouts": Fragment("rollouts/_under_way.html", rollout_fragments.under_way),
    "statistics": Fragment("statistics/_figures.html", _statistics),
    "message_rows": Fragment("messages/_rows.html", _message_rows),
    "found_rows": Fragment("messages/_rows.html", _found_rows),
}
