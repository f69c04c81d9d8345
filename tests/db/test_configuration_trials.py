"""The intent to try a configuration: when it can be asked for, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.errors import Conflict, Invalid, NotFound
from app.models import AuditEvent, new_id
from app.protocol.states import MigrationPhase
from app.queries import configuration_revisions
from app.queries import configuration_trials as stored
from app.services import configuration_trials, containers, protocol_migrations
from app.services.configurations import ConfigurationValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import ConfigurationTrial, Container

    Register = Callable[..., Container]


def ask(session: Session, container: Container, **changed: object) -> ConfigurationTrial:
    values = replace(ConfigurationValues.of(container.configuration), **changed)  # type: ignore[arg-type]
    return configuration_trials.request(session, container, values, TESTER)


def test_it_is_kept_beside_the_configuration(session: Session, register: Register) -> None:
    container = register()
    before = ConfigurationValues.of(container.configuration)
    trial = ask(session, container, idle_timeout=7000)
    assert (trial.changed, trial.open, trial.requested_by) == (["idle_timeout"], True, TESTER.name)
    assert ConfigurationValues.of_settings(trial.settings) == replace(before, idle_timeout=7000)
    assert ConfigurationValues.of(container.configuration) == before
    assert [each.number for each in configuration_revisions.of_container(session, container.id)] == [1]
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert event.action == "configuration tried"
    assert event.after == {"trial": str(trial.id), "idle_timeout": 7000}


def test_what_could_not_be_saved_cannot_be_tried(session: Session, register: Register) -> None:
    container = register()
    with pytest.raises(Invalid, match="only none is possible"):
        ask(session, container, encryption_level="high")
    assert not stored.of_container(session, container.id)


def test_one_at_a_time(session: Session, register: Register) -> None:
    container = register()
    trial = ask(session, container)
    with pytest.raises(Conflict, match="under way already"):
        ask(session, container)
    configuration_trials.take(session, trial, new_id())
    configuration_trials.finish(session, trial, success=True, outcome="well", found={"a": 1})
    configuration_trials.finish(session, trial, success=False, outcome="too late")
    assert (trial.success, trial.outcome, trial.found) == (True, "well", {"a": 1})
    assert ask(session, container).open


def test_not_of_a_stopped_container_nor_while_it_migrates(session: Session, register: Register) -> None:
    stopped, moving = register("stopped", status="stopped"), register("moving")
    migration = protocol_migrations.request(session, moving, "acp", reason="to see", actor=TESTER)
    assert migration.phase == MigrationPhase.PENDING
    for container, problem in [(stopped, "is stopped"), (moving, "protocol migration")]:
        with pytest.raises(Conflict, match=problem):
            ask(session, container)


def test_it_goes_with_its_container(session: Session, register: Register) -> None:
    container = register()
    trial = ask(session, container)
    gone = trial.id
    containers.remove(session, container, TESTER, "no longer needed")
    session.expunge_all()
    with pytest.raises(NotFound):
        stored.get(session, gone)
