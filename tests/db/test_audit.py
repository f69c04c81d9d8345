"""The audit trail: each change leaves who, what, before, after and why, in the change's own transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict
from app.models import AuditEvent, Container
from app.queries import containers as stored
from app.services import configurations, containers, protocol_migrations, tokens
from app.services.actor import Actor
from app.services.configurations import ConfigurationValues
from app.services.containers import ContainerValues
from tests.support.store import BOTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Executable
    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

ANN = Actor("ann@example.test")
VALUES = ContainerValues(name="web-1", endpoint_url="http://127.0.0.1:9000", supported_protocols=BOTH)


@pytest.fixture
def container(sessions: Sessions) -> None:
    with sessions.begin() as session:
        containers.register(session, VALUES, Actor("before"))


def change(session: Session) -> None:
    containers.update(session, stored.get(session, "web-1"), replace(VALUES, owner="bob"), ANN)


def configure(session: Session) -> None:
    configuration = stored.get(session, "web-1").configuration
    values = replace(ConfigurationValues.of(configuration), idle_timeout=5000)
    configurations.update(session, configuration, values, ANN, "too slow")


def migrate(session: Session) -> None:
    container = stored.get(session, "web-1")
    protocol_migrations.request(session, container, "acp", reason="as planned", actor=ANN)


def remove(session: Session) -> None:
    containers.remove(session, stored.get(session, "web-1"), ANN, "no longer needed")


def create_token(session: Session) -> None:
    tokens.create(session, "backend", ANN)


CHANGES: list[tuple[Callable[[Session], None], dict[str, Any]]] = [
    (change, {"action": "container changed", "before": {"owner": ""}, "after": {"owner": "bob"}}),
    (
        configure,
        {
            "action": "configuration changed",
            "reason": "too slow",
            "before": {"idle_timeout": 60000},
            "after": {"idle_timeout": 5000},
        },
    ),
    (
        migrate,
        {
            "action": "protocol migration requested",
            "reason": "as planned",
            "before": {"protocol_type": "http"},
            "after": {"protocol_type": "acp"},
        },
    ),
    (
        remove,
        {
            "action": "container removed",
            "reason": "no longer needed",
            "before": {"name": "web-1"},
            "after": None,
        },
    ),
    (create_token, {"action": "token created", "before": None, "after": {"name": "backend"}}),
]
each_change = pytest.mark.parametrize(("do", "expected"), CHANGES, ids=[do.__name__ for do, _ in CHANGES])


def events(session: Session) -> list[AuditEvent]:
    return list(session.scalars(select(AuditEvent).where(AuditEvent.actor == ANN.name)))


@pytest.mark.usefixtures("container")
@each_change
def test_a_change_is_recorded(
    sessions: Sessions, do: Callable[[Session], None], expected: dict[str, Any]
) -> None:
    with sessions.begin() as session:
        do(session)
        with sessions() as other:
            assert events(other) == []
    with sessions() as session:
        (event,) = events(session)
        assert (event.action, event.reason) == (expected["action"], expected.get("reason"))
        assert part(event.before, expected["before"]) == expected["before"]
        assert part(event.after, expected["after"]) == expected["after"]
        assert event.at is not None


@pytest.mark.usefixtures("container")
@each_change
def test_a_change_undone_is_not(
    sessions: Sessions, do: Callable[[Session], None], expected: dict[str, Any]
) -> None:
    with sessions() as session:
        do(session)
        session.flush()
        assert [event.action for event in events(session)] == [expected["action"]]
        session.rollback()
        assert events(session) == []


@pytest.mark.usefixtures("container")
def test_a_refused_change_leaves_nothing(sessions: Sessions) -> None:
    with sessions.begin() as session:
        with pytest.raises(Conflict):
            containers.register(session, VALUES, ANN)
        assert events(session) == []
        assert len(session.scalars(select(Container)).all()) == 1


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize("statement", [update(AuditEvent).values(actor="nobody"), delete(AuditEvent)])
def test_the_trail_is_append_only(sessions: Sessions, statement: Executable) -> None:
    with sessions() as session, pytest.raises(IntegrityError, match="audit_event is append-only"):
        session.execute(statement)


@pytest.mark.usefixtures("container")
def test_the_trail_outlives_what_it_tells_of(sessions: Sessions) -> None:
    with sessions.begin() as session:
        subject = stored.get(session, "web-1").id
        remove(session)
    with sessions() as session:
        of_it = select(AuditEvent.action).where(AuditEvent.subject_id == subject).order_by(AuditEvent.id)
        assert session.scalars(of_it).all() == ["container registered", "container removed"]


def part(stored_values: dict[str, Any] | None, expected: dict[str, Any] | None) -> dict[str, Any] | None:
    if stored_values is None or expected is None:
        return stored_values
    return {name: stored_values[name] for name in expected}
