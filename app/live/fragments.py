"""Fragments: partials that a page and a live update both render, each with the loader of what it shows.

A page calls `fragment(name, …)` where the partial stands, the hub calls it when that has changed, and both
get the same bytes. A fragment knows nothing of its viewer: what depends on a role, is hidden by the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import current_app
from markupsafe import Markup

from app.extensions import db
from app.live import (
    configuration_fragments,
    connection_fragments,
    container_fragments,
    message_fragments,
    migration_fragments,
    overview_fragments,
    rollout_fragments,
)
from app.live.lines import looked_up
from app.live.message_fragments import MOST_AROUND, NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Parameters = Sequence[tuple[str, str]]

__all__ = ["MOST_AROUND", "NEIGHBOURS", "TIMELINE_ROWS", "fragment"]

TIMELINE_ROWS: Final = 50
"""The records that a timeline shows at first, and loads at once when older ones are asked for."""


class Fragment(NamedTuple):
    """A template, and the function that loads its context.

    One that is `kept` is rendered once for each context, which can be hashed.
    """

    template: str
    load: Callable[..., Mapping[str, Any]]
    kept: bool = False


def fragment(name: str, /, **subject: Any) -> Markup:
    """Render a fragment with what the database says now.

    Raises:
        NotFound: what it shows is not there (any more).
    """
    template, load, kept = FRAGMENTS[name]
    context = load(db.session(), **subject)
    if kept:
        said = tuple(context.values())
        return looked_up(template, [said], lambda _: {said: context})
    # Without Flask's context processors: what they add is of the viewer, whom a fragment does not know.
    html = current_app.jinja_env.get_template(template).render(context)
    return Markup(html.strip())  # noqa: S704 - a template's output, escaped where it was made


FRAGMENTS: Final[Mapping[str, Fragment]] = {
    "container_row": Fragment("containers/_row.html", container_fragments.row),
    "container_counts": Fragment("containers/_counts.html", container_fragments.counts, kept=True),
    "container_state": Fragment("containers/_state.html", container_fragments.state),
    "container_connections": Fragment("connections/_table.html", container_fragments.connection_table),
    "container_waiting": Fragment("messages/_waiting.html", container_fragments.waiting_at),
    "connection_actions": Fragment("connection_actions/_actions.html", container_fragments.actions),
    "fleet_action": Fragment("fleet_actions/_progress.html", container_fragments.progress),
    "migration_actions": Fragment("protocol_migrations/_actions.html", migration_fragments.actions),
    "migration_standing": Fragment("protocol_migrations/_standing.html", migration_fragments.standing),
    "migration_buttons": Fragment("protocol_migrations/_buttons.html", migration_fragments.buttons),
    "migration_details": Fragment("protocol_migrations/_details.html", migration_fragments.details),
    "preflight": Fragment("preflights/_panel.html", migration_fragments.look),
    "blast": Fragment("preflights/_blast.html", migration_fragments.radius),
    "way_home": Fragment("protocol_migrations/_way_home.html", migration_fragments.home),
    "migration_history": Fragment("protocol_migrations/_history.html", migration_fragments.history),
    "configuration_values": Fragment("configurations/_values.html", configuration_fragments.values),
    "configuration_revisions": Fragment(
        "configuration_revisions/_history.html", configuration_fragments.saved
    ),
    "configuration_trials": Fragment("configurations/_trials.html", configuration_fragments.tried),
    "gateways": Fragment("gateways/_table.html", overview_fragments.gateway_table),
    "migrations": Fragment("protocol_migrations/_table.html", migration_fragments.listed),
    "connection_state": Fragment("connections/_state.html", connection_fragments.state),
    "connection_waiting": Fragment("messages/_waiting.html", connection_fragments.waiting_at),
    "connection_transitions": Fragment("connections/_transitions.html", connection_fragments.transitions),
    "connection_ends": Fragment("connections/_ends.html", connection_fragments.ended),
    "connection_band": Fragment("connections/_band.html", connection_fragments.noted_states),
    "connection_spans": Fragment("connections/_spans.html", connection_fragments.states),
    "container_ends": Fragment("connections/_ends.html", connection_fragments.ended_of_container),
    "container_band": Fragment("connections/_band.html", connection_fragments.noted_states_of_container),
    "container_spans": Fragment("connections/_spans.html", connection_fragments.states_of_container),
    "stuck": Fragment("overview/_stuck_list.html", overview_fragments.stuck_list),
    "overview_stuck": Fragment("overview/_stuck.html", overview_fragments.stuck_first),
    "overview_figures": Fragment("overview/_figures.html", overview_fragments.figures),
    "overview_rates": Fragment("overview/_rates.html", overview_fragments.rates),
    "overview_losses": Fragment("overview/_losses.html", overview_fragments.losses),
    "overview_gateways": Fragment("overview/_gateways.html", overview_fragments.gateways_now),
    "overview_migrations": Fragment("overview/_migrations.html", overview_fragments.under_way),
    "message_pair": Fragment("messages/_pair.html", message_fragments.pair),
    "message_around": Fragment("messages/_around.html", message_fragments.around),
    "conversation": Fragment("sessions/_conversation.html", message_fragments.told),
    "fleet_sessions": Fragment("sessions/_fleet.html", message_fragments.sessions),
    "connection_list": Fragment("connections/_list.html", connection_fragments.listed),
    "connection_counts": Fragment("connections/_counts.html", connection_fragments.counts),
    "revisions": Fragment("configuration_revisions/_list.html", configuration_fragments.listed),
    "rollout_list": Fragment("rollouts/_list.html", rollout_fragments.listed),
    "rollout_state": Fragment("rollouts/_state.html", rollout_fragments.state),
    "rollout_waves": Fragment("rollouts/_waves.html", rollout_fragments.waves),
    "rollout_limits": Fragment("rollouts/_limits.html", rollout_fragments.limits),
    "rollout_parts": Fragment("rollouts/_parts.html", rollout_fragments.parts),
    "rollout_events": Fragment("rollouts/_events.html", rollout_fragments.events),
    "rollout_deliveries": Fragment("rollouts/_deliveries.html", rollout_fragments.deliveries),
    "container_rollouts": Fragment("rollouts/_of_container.html", rollout_fragments.of_container),
    "overview_rollouts": Fragment("rollouts/_under_way.html", rollout_fragments.under_way),
    "statistics": Fragment("statistics/_figures.html", overview_fragments.measured),
    "message_rows": Fragment("messages/_rows.html", message_fragments.rows),
    "found_rows": Fragment("messages/_rows.html", message_fragments.found_rows),
}
