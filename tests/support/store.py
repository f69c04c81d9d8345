"""The database of a test: what the gateway wrote there, and what operators ask of it through the services."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.protocol.states import Protocol
from app.protocol.strategies import PINGS_ONLY, Plan
from app.queries import containers as stored
from app.queries import protocol_migrations as migrations
from app.services import (
    configurations,
    connection_actions,
    containers,
    fleet_actions,
    protocol_migrations,
    tokens,
    way_home,
)
from app.services.actor import Actor
from app.services.configurations import ConfigurationValues
from app.services.containers import ContainerValues
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from app.models import Container
    from app.protocol.way_home import WayHome

TESTER = Actor("tester")
BOTH = (Protocol.HTTP, Protocol.ACP)
QUICK = {"reconnect_delay": 10, "max_reconnect_delay": 50}
"""Milliseconds: a container whose attempts do not slow the tests."""

QUICK_PLAN = Plan(verification=PINGS_ONLY)
"""Graceful, and not watched for a while afterwards."""

Row = dict[str, Any]


class Store:
    """Rows are read as dicts, the oldest first; containers go by their names."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def rows(self, query: str, *values: object) -> list[Row]:
        cursor = self._connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description is not None else []  # rows may have no columns

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction, committed at the end."""
        with Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def container(self, name: str) -> Iterator[tuple[Session, Container]]:
        """A transaction with a container, committed at the end."""
        with Session(self._engine) as session, session.begin():
            yield session, stored.get(session, name)

    def register(
        self,
        name: str,
        endpoint_url: str,
        *,
        protocols: tuple[str, ...] = BOTH,
        prefer: str = Protocol.ACP,
        settings: dict[str, Any] | None = None,
        **values: Any,
    ) -> uuid.UUID:
        """Register a container that reconnects quickly; `settings` are of its connection."""
        shown = ContainerValues(
            name=name,
            endpoint_url=endpoint_url,
            supported_protocols=protocols,
            preferred_protocol=prefer,
            **values,
        )
        with Session(self._engine) as session, session.begin():
            container = containers.register(session, shown, TESTER)
            _configure(session, container, QUICK | (settings or {}))
            return container.id

    def configure(self, name: str, **values: Any) -> None:
        with self.container(name) as (session, container):
            _configure(session, container, values)

    def change(self, name: str, **values: Any) -> None:
        with self.container(name) as (session, container):
            present = {each.name: getattr(container, each.name) for each in fields(ContainerValues)}
            present["supported_protocols"] = tuple(present["supported_protocols"])
            containers.update(session, container, ContainerValues(**(present | values)), TESTER)

    def remove(self, name: str) -> None:
        with self.container(name) as (session, container):
            containers.remove(session, container, TESTER, "no longer needed")

    def forbid_fallback(self, name: str) -> None:
        with self.container(name) as (_, container):
            container.session.fallback_enabled = False

    def migrate(self, name: str, to: str, plan: Plan = QUICK_PLAN) -> uuid.UUID:
        with self.container(name) as (session, container):
            migration = protocol_migrations.request(
                session, container, to, reason="to see", actor=TESTER, plan=plan
            )
            return migration.id

    def switch_now(self, migration_id: uuid.UUID) -> None:
        with Session(self._engine) as session, session.begin():
            migration = migrations.get(session, migration_id)
            protocol_migrations.switch_now(session, migration, reason="it is time", actor=TESTER)

    def cancel(self, migration_id: uuid.UUID) -> None:
        with Session(self._engine) as session, session.begin():
            migration = migrations.get(session, migration_id)
            protocol_migrations.cancel(session, migration, reason="not today", actor=TESTER)

    def roll_back(self, migration_id: uuid.UUID) -> uuid.UUID:
        with Session(self._engine) as session, session.begin():
            migration = migrations.get(session, migration_id)
            back = protocol_migrations.roll_back(
                session, migration, reason="as it was", actor=TESTER, plan=QUICK_PLAN
            )
            return back.id

    def ask(self, name: str, kind: str, reason: str = "it hangs") -> uuid.UUID:
        """Ask for a reconnect, disconnect or probe, as an operator does."""
        with self.container(name) as (session, container):
            return connection_actions.request(session, container, kind, reason=reason, actor=TESTER).id

    def ask_all(self, kind: str, count: int, reason: str = "a new wave") -> int:
        """Ask an action of all containers that take part; return of how many it was asked."""
        with Session(self._engine) as session, session.begin():
            return len(fleet_actions.request(session, kind, count, reason=reason, actor=TESTER).actions)

    def done(self, action: uuid.UUID, patience: float = PATIENCE) -> Row:
        """Wait until what was asked for has its outcome."""
        query = "SELECT * FROM connection_action WHERE id = %s"
        return eventually(lambda: self.rows(query, action)[0], lambda row: row["finished_at"], patience)

    def wish_home(self, name: str, wish: WayHome) -> None:
        with self.container(name) as (session, container):
            way_home.wish(session, container, wish, reason="it may return", actor=TESTER)

    def token(self, name: str = "tester") -> str:
        with Session(self._engine) as session, session.begin():
            return tokens.create(session, name, TESTER)

    def connections(self, name: str) -> list[Row]:
        return self.rows(
            "SELECT k.* FROM acp_connection k JOIN container c ON c.id = k.container_id"
            " WHERE c.name = %s ORDER BY k.id",
            name,
        )

    def active(self, name: str) -> Row | None:
        """The container's one connection that is not disconnected."""
        return next((row for row in self.connections(name) if row["status"] != "disconnected"), None)

    def connected(self, name: str, over: str | None = None, patience: float = PATIENCE) -> Row:
        """Wait until the container is connected, with no protocol migration under way."""

        def found() -> Row | None:
            if any(row["completed_at"] is None for row in self.migrations(name)):
                return None
            rows = (row for row in self.connections(name) if row["status"] == "connected")
            return next((row for row in rows if over in (None, row["metadata"]["transport"])), None)

        row = eventually(found, patience=patience)
        assert row is not None
        return row

    def transitions(self, name: str) -> list[tuple[str, str, str]]:
        """(from, to, reason) of every change of status."""
        found = self.rows(
            "SELECT t.* FROM acp_connection_transition t JOIN acp_connection k ON k.id = t.connection_id"
            " JOIN container c ON c.id = k.container_id WHERE c.name = %s ORDER BY t.id",
            name,
        )
        return [(row["from_status"], row["to_status"], row["reason"]) for row in found]

    def messages(self, name: str, condition: str = "true") -> list[Row]:
        return self.rows(
            "SELECT m.* FROM acp_message m JOIN acp_connection k ON k.id = m.connection_id"
            f" JOIN container c ON c.id = k.container_id WHERE c.name = %s AND ({condition}) ORDER BY m.id",
            name,
        )

    def migrations(self, name: str) -> list[Row]:
        return self.rows(
            "SELECT p.* FROM protocol_migration p JOIN container c ON c.id = p.container_id"
            " WHERE c.name = %s ORDER BY p.id",
            name,
        )

    def migrated(self, name: str, number: int = -1, patience: float = PATIENCE) -> Row:
        """Wait until one of the container's protocol migrations, the last one, has ended."""

        def ended() -> Row | None:
            found = self.migrations(name)
            return found[number] if found and found[number]["completed_at"] else None

        row = eventually(ended, patience=patience)
        assert row is not None
        return row

    def protocol(self, name: str) -> str:
        """The session's protocol, with the rule that ACP names a connection."""
        (row,) = self.rows(
            "SELECT s.* FROM container_session s JOIN container c ON c.id = s.container_id WHERE c.name = %s",
            name,
        )
        assert (row["protocol_type"] == "acp") == (row["acp_connection_id"] is not None)
        return str(row["protocol_type"])


def _configure(session: Session, container: Container, values: dict[str, Any]) -> None:
    present = ConfigurationValues.of(container.configuration)
    configurations.update(session, container.configuration, replace(present, **values), TESTER, "to see")
