"""The pages: a blueprint a noun, and around them the guard, the headers and the error pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import access
from app.web import (
    assets,
    audit,
    bulk_edits,
    command_line,
    compression,
    configuration_revisions,
    configurations,
    connection_actions,
    connections,
    containers,
    explanations,
    failures,
    figures,
    filters,
    fleet_actions,
    fleet_sessions,
    gateways,
    headers,
    health,
    incidents,
    layout,
    messages,
    navigation,
    overview,
    plot_flags,
    plot_notes,
    preflights,
    prompts,
    protocol_migrations,
    quantities,
    reading,
    rollout_controls,
    rollout_plans,
    rollouts,
    saved_views,
    search,
    sessions,
    shared_incidents,
    statistics,
    users,
)

if TYPE_CHECKING:
    from flask import Flask

BLUEPRINTS = (
    health.bp,
    overview.bp,
    containers.bp,
    connections.bp,
    connection_actions.bp,
    fleet_actions.bp,
    messages.bp,
    configurations.bp,
    configuration_revisions.bp,
    bulk_edits.bp,
    protocol_migrations.bp,
    rollouts.bp,
    rollout_plans.bp,
    rollout_controls.bp,
    preflights.bp,
    prompts.bp,
    sessions.bp,
    fleet_sessions.bp,
    search.bp,
    statistics.bp,
    gateways.bp,
    saved_views.bp,
    plot_notes.bp,
    audit.bp,
    explanations.bp,
    incidents.bp,
    shared_incidents.bp,
    users.bp,
)


def register(app: Flask) -> None:
    """Add the pages to the application."""
    app.before_request(access.guard)
    app.before_request(assets.check)
    compression.register(app)  # before the headers: what is registered last runs first
    app.after_request(headers.add)
    reading.register(app)
    filters.register(app)
    figures.register(app)
    plot_flags.register(app)
    quantities.register(app)
    command_line.register(app)
    app.add_template_global(navigation.places)
    app.add_template_global(navigation.menu)
    layout.register(app)
    failures.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
