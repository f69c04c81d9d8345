"""The pages: a blueprint a noun, and around them the guard, the headers and the error pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import access
from app.web import (
    assets,
    audit,
    bulk_edits,
    configuration_revisions,
    configurations,
    connection_actions,
    connections,
    containers,
    failures,
    filters,
    gateways,
    headers,
    health,
    messages,
    navigation,
    prompts,
    protocol_migrations,
    sessions,
    users,
)

if TYPE_CHECKING:
    from flask import Flask

BLUEPRINTS = (
    health.bp,
    containers.bp,
    connections.bp,
    connection_actions.bp,
    messages.bp,
    configurations.bp,
    configuration_revisions.bp,
    bulk_edits.bp,
    protocol_migrations.bp,
    prompts.bp,
    sessions.bp,
    gateways.bp,
    audit.bp,
    users.bp,
)


def register(app: Flask) -> None:
    """Add the pages to the application."""
    app.before_request(access.guard)
    app.before_request(assets.check)
    app.after_request(headers.add)
    filters.register(app)
    app.add_template_global(navigation.places)
    failures.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
