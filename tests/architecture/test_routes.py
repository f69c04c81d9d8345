"""Every route and socket × every role, against one table. A route that is not in it fails."""

from __future__ import annotations

import socket
import uuid
from typing import TYPE_CHECKING

import pytest

from app import access
from app.extensions import db
from app.services import users
from app.services.actor import Actor
from app.services.users import RoleName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

PASSWORD = "correct-horse-battery"
ID = str(uuid.UUID(int=7))  # of nothing: whoever gets past the guard is told so

EVERYBODY = frozenset({"stranger", "nobody", *RoleName})
READERS = frozenset(RoleName)
OPERATORS = frozenset({"operator", "migrator", "admin"})
MIGRATORS = frozenset({"migrator", "admin"})
ADMINS = frozenset({"admin"})

ROUTES = {
    "static": EVERYBODY,
    "bootstrap.static": EVERYBODY,
    "security.static": frozenset(),  # an extension's scripts that no page of ours uses
    "security.login": EVERYBODY,
    "security.logout": EVERYBODY,
    "security.verify": READERS,
    "health.healthz": EVERYBODY,
    "overview.index": READERS,
    "overview.changes": READERS,
    "overview.mark_seen": READERS,
    "overview.stuck_list": READERS,
    "containers.index": READERS,
    "containers.show": READERS,
    "containers.older_messages": READERS,
    "containers.new": ADMINS,
    "containers.edit": ADMINS,
    "containers.remove": ADMINS,
    "connection_actions.create": OPERATORS,
    "connections.index": READERS,
    "fleet_actions.new": OPERATORS,
    "fleet_actions.create": OPERATORS,
    "fleet_actions.show": READERS,
    "fleet_actions.configuration": OPERATORS,
    "saved_views.index": READERS,
    "saved_views.create": READERS,
    "saved_views.change": READERS,
    "saved_views.remove": READERS,
    "connections.show": READERS,
    "connections.older_messages": READERS,
    "audit.index": READERS,
    "search.index": READERS,
    "explanations.index": READERS,
    "incidents.index": READERS,
    "incidents.show": READERS,
    "incidents.export": READERS,
    "incidents.new": OPERATORS,
    "incidents.add_note": OPERATORS,
    "incidents.prolong": OPERATORS,
    "incidents.revoke": OPERATORS,
    "plot_notes.index": READERS,
    "plot_notes.create": OPERATORS,
    "plot_notes.remove": OPERATORS,
    # Public by design: the link is the key, and for most incidents signing in besides.
    "shared_incidents.show": EVERYBODY,
    "shared_incidents.message": EVERYBODY,
    "shared_incidents.export": EVERYBODY,
    "fleet_sessions.index": READERS,
    "live.sessions": READERS,
    "live.connections": READERS,
    "live.revisions": READERS,
    "sessions.index": READERS,
    "sessions.show": READERS,
    "users.index": ADMINS,
    "users.new": ADMINS,
    "users.edit": ADMINS,
    "messages.index": READERS,
    "messages.older": READERS,
    "messages.compare": READERS,
    "messages.export": READERS,
    "gateways.index": READERS,
    "statistics.index": READERS,
    "statistics.threshold": READERS,
    "messages.show": READERS,
    "messages.payload": READERS,
    "configurations.edit": OPERATORS,
    "configurations.update": OPERATORS,
    "configurations.validate": OPERATORS,
    "configurations.try_": OPERATORS,
    "bulk_edits.edit": OPERATORS,
    "bulk_edits.apply": OPERATORS,
    "configuration_revisions.index": READERS,
    "configuration_revisions.show": READERS,
    "configuration_revisions.revert": OPERATORS,
    "prompts.create": OPERATORS,
    "protocol_migrations.index": READERS,
    "protocol_migrations.create": MIGRATORS,
    "protocol_migrations.roll_back": MIGRATORS,
    "protocol_migrations.show": READERS,
    "protocol_migrations.new": MIGRATORS,
    "protocol_migrations.switch": MIGRATORS,
    "protocol_migrations.cancel": MIGRATORS,
    "protocol_migrations.wish_way_home": MIGRATORS,
    "preflights.create": MIGRATORS,
    "live.protocol_migration": READERS,
    "live.migration_start": READERS,
    "live.overview": READERS,
    "live.containers": READERS,
    "live.container": READERS,
    "live.configuration": READERS,
    "live.connection": READERS,
    "live.fleet_action": READERS,
    "live.gateways": READERS,
    "live.stuck": READERS,
    "live.message": READERS,
    "live.statistics": READERS,
    "live.rollouts": READERS,
    "live.rollout": READERS,
    "rollouts.index": READERS,
    "rollouts.show": READERS,
    "rollout_plans.new": MIGRATORS,
    "rollout_plans.create": MIGRATORS,
    "rollout_controls.pause": MIGRATORS,
    "rollout_controls.ask": MIGRATORS,
    "live.messages": READERS,
    "live.session": READERS,
    "live.protocol_migrations": READERS,
}


@pytest.fixture
def clients(app: Flask) -> dict[str, FlaskClient]:
    """A client for a stranger, for somebody without a role, and for each role."""
    with app.app_context():
        nobody = users.add(db.session(), "nobody@example.com", PASSWORD, ["viewer"], Actor("test"))
        nobody.roles = []  # as of somebody whose role was taken away
        for role in RoleName:
            users.add(db.session(), f"{role}@example.com", PASSWORD, [role], Actor("test"))
        db.session.commit()
    clients = {"stranger": app.test_client()}
    for name in EVERYBODY - {"stranger"}:
        clients[name] = app.test_client()
        clients[name].post("/login", data={"email": f"{name}@example.com", "password": PASSWORD})
    yield clients
    app.extensions["live"].close_all()


def test_every_route_has_an_entry(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ROUTES)


def test_every_route_of_ours_names_its_permission(app: Flask) -> None:
    forgotten = {endpoint for endpoint in ROUTES if access.needed(app, endpoint) is None}
    assert forgotten == {"security.static"}


def test_a_route_without_a_mark_is_refused_to_everybody(clients: dict[str, FlaskClient]) -> None:
    assert clients["admin"].get("/fs-static/x").status_code == 403


def test_only_those_in_the_table_get_past_the_guard(app: Flask, clients: dict[str, FlaskClient]) -> None:
    got = {}
    for endpoint in sorted(ROUTES.keys() - {"security.logout"}):  # it would end the next request's session
        got[endpoint] = {name for name, client in clients.items() if all(_passes(app, client, endpoint))}
    assert got == {endpoint: set(ROUTES[endpoint]) for endpoint in got}


def _passes(app: Flask, client: FlaskClient, endpoint: str) -> Iterator[bool]:
    for rule in app.url_map.iter_rules(endpoint):
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<uuid:{argument}>", ID).replace(f"<path:{argument}>", "console.css")
            path = path.replace(f"<int:{argument}>", "7")
        if rule.websocket:
            yield _opens(client, path)
        else:
            methods = (rule.methods or set()) & {"GET", "POST"}
            yield from (_answers(client, path, method) for method in methods)


def _answers(client: FlaskClient, path: str, method: str) -> bool:
    """Tell whether the answer comes from behind the guard: neither refused nor sent to sign in."""
    with client.open(path, method=method) as answer:
        return answer.status_code != 403 and "/login" not in answer.headers.get("Location", "")


def _opens(client: FlaskClient, path: str) -> bool:
    """Tell whether the handshake of a live socket is answered; the browser then leaves at once."""
    ours, browsers = socket.socketpair()
    with ours, browsers:
        browsers.shutdown(socket.SHUT_WR)
        browsers.settimeout(5)
        client.get(
            path,
            base_url="http://localhost",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Host": "localhost",
                "Origin": "http://localhost",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version": "13",
            },
            environ_overrides={"werkzeug.socket": ours, "wsgi.url_scheme": "ws"},
        )
        ours.close()
        return browsers.recv(100).startswith(b"HTTP/1.1 101")
