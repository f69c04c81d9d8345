"""People to sign in as, and rows to look at: written by the services, as the gateway would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from app.extensions import db
from app.models import AcpMessage, new_id
from app.protocol.handshake import Negotiated
from app.protocol.states import Cause, MigrationPhase, Protocol
from app.services import connections, containers, migration_phases, protocol_migrations, users
from app.services.actor import Actor
from app.services.containers import ContainerValues
from app.services.users import RoleName
from tests.support.live import live_pages
from tests.support.ports import free_address
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

    from app.config import Settings
    from app.models import AcpConnection, Container
    from tests.support.live import Open

    SignIn = Callable[[str], FlaskClient]

ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse-battery"
TEST = Actor("test")


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    """The application; at the end, the thread that asks the database for its live pages is gone."""
    yield app
    app.extensions["live"].close_all()
    eventually(lambda: "live-hub" not in {thread.name for thread in threading.enumerate()})


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """Return a client that is signed in as a role's person, made at the first call."""
    added: set[str] = set()

    def enter(role: str) -> FlaskClient:
        if role not in added:
            added.add(role)
            with app.app_context():
                users.add(db.session(), f"{role}@example.com", PASSWORD, [RoleName(role)], TEST)
                db.session.commit()
        client = app.test_client()
        answer = client.post("/login", data={"email": f"{role}@example.com", "password": PASSWORD})
        assert answer.status_code == 302, answer.text
        return client

    return enter


@pytest.fixture
def open_page(app: Flask, sign_in: SignIn) -> Iterator[Open]:
    """Open a live socket, signed in as a viewer: `open_page("/live/containers", first_word)`."""
    cookie = sign_in("viewer").get_cookie("session")
    assert cookie is not None
    with live_pages(app, cookie.value) as enter:
        yield enter


class World:
    """Writes containers, connections and records, and commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def container(
        self, name: str = "web-1", protocols: tuple[str, ...] = ("http", "acp"), **values: object
    ) -> Container:
        given = ContainerValues(
            name=name,
            endpoint_url="http://127.0.0.1:9000",
            supported_protocols=protocols,
            **values,  # type: ignore[arg-type]
        )
        container = containers.register(self.session, given, TEST)
        self.session.commit()
        return container

    def connected(self, container: Container, transport: Protocol = Protocol.ACP) -> AcpConnection:
        connection = connections.open_row(self.session, container.id, transport, "1.0.0")
        negotiated = Negotiated(
            version="1.0.0",
            capabilities={"loadSession": True},
            agent_info={"name": "demo", "title": "Demo agent", "version": "1"},
            auth_methods=[],
            result={},
        )
        connections.established(self.session, connection, negotiated, None, "handshake completed")
        self.session.commit()
        return connection

    def migrated(self, container: Container, connection: AcpConnection) -> str:
        """Carry a migration to ACP out, and return its id."""
        migration = protocol_migrations.request(
            self.session, container, "acp", reason="try it", actor=TEST, cause=Cause.OPERATOR
        )
        for phase in (MigrationPhase.PREFLIGHT, MigrationPhase.SWITCHING):
            migration_phases.advance(self.session, migration, phase)
        migration_phases.switch(self.session, container, "acp", connection)
        for phase in (MigrationPhase.VERIFYING, MigrationPhase.COMPLETED):
            migration_phases.advance(self.session, migration, phase)
        self.session.commit()
        return str(migration.id)

    def record(self, connection: AcpConnection, payload: object = None, **fields: object) -> AcpMessage:
        values = {
            "id": new_id(),
            "direction": "inbound",
            "message_type": "message",
            "method": "session/update",
            "rpc_kind": "notification",
            "size": len(json.dumps(payload)),
        }
        message = AcpMessage(connection_id=connection.id, payload=payload, **values | fields)
        self.session.add(message)
        self.session.commit()
        return message


@pytest.fixture
def world(session: Session) -> World:
    """Not in an application context: requests would share it, and with it who is signed in."""
    return World(session)


@pytest.fixture
def gunicorn(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A web server on the test's database, and where it is."""
    address = free_address()
    options = ("--bind", address, "--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "5")
    environ = {"DATABASE_URL": str(settings.database_url), "CONSOLE_SECRET_KEY": str(settings.secret_key)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app", *options], cwd=ROOT, env={**os.environ, **environ}
    )
    try:
        eventually(lambda: _answers(f"http://{address}/healthz"))
        yield process, address
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False
