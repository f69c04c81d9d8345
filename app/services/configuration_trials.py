"""Try a changed configuration: the intent, and what the gateway says came of it.

The gateway that holds the container dials beside its connection, with the changed settings, and shakes hands.
The configuration itself stays as it is. A gateway that dies in between leaves the trial to the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app.errors import Conflict
from app.models import ConfigurationTrial
from app.protocol.states import ContainerStatus
from app.queries import configuration_trials as stored
from app.queries import protocol_migrations
from app.services import audit, doorbell
from app.services.configuration_revisions import SUBJECT, changed
from app.services.configurations import ConfigurationValues, check
from app.services.connection_actions import MIGRATING, STOPPED
from app.services.rules import enforced, one_at_a_time

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.services.actor import Actor


def obstacle(session: Session, container: Container) -> str | None:
    """Say why nothing can be tried now, None if it can: the button and `request` go by it."""
    if container.status != ContainerStatus.RUNNING:
        return STOPPED
    migration = protocol_migrations.open_of(session, container.id)
    if migration is not None and not migration.interruptible:
        return MIGRATING
    if stored.open_of_many(session, [container.id]):
        return "a trial for this container is under way already"
    return None


def request(
    session: Session, container: Container, values: ConfigurationValues, actor: Actor
) -> ConfigurationTrial:
    """Write the intent; the gateway acts on it at once.

    Raises:
        Invalid: a value breaks a rule, so that it could not be saved either.
        Conflict: the container's state does not allow it now; see `obstacle`.
    """
    check(values, container.endpoint_url)
    one_at_a_time(session, container)
    if problem := obstacle(session, container):
        raise Conflict(problem)
    current, settings = ConfigurationValues.of(container.configuration).as_dict(), values.as_dict()
    trial = ConfigurationTrial(
        container_id=container.id,
        settings=settings,
        changed=changed(current, settings),
        requested_by=actor.name,
    )
    with enforced(session):
        session.add(trial)
        session.flush()
    after = {"trial": str(trial.id)} | {name: settings[name] for name in trial.changed}
    audit.record(session, actor, "configuration tried", (SUBJECT, container.id), after=after)
    doorbell.ask(session, container.id)
    return trial


def take(session: Session, trial: ConfigurationTrial, gateway_id: uuid.UUID) -> None:
    """Note which gateway carries a trial out."""
    trial.gateway_id = gateway_id
    trial.taken_at = session.scalar(select(func.clock_timestamp()))
    session.flush()
    doorbell.tell(session, trial.container_id)


def finish(
    session: Session,
    trial: ConfigurationTrial,
    *,
    success: bool,
    outcome: str,
    advice: str | None = None,
    found: Mapping[str, Any] | None = None,
) -> None:
    """Write what came of a trial; one that has been finished by now stays as it is."""
    session.refresh(trial, with_for_update=True)
    if not trial.open:
        return
    trial.finished_at = session.scalar(select(func.clock_timestamp()))
    trial.success, trial.outcome, trial.advice = success, outcome, advice
    trial.found = dict(found) if found is not None else None
    session.flush()
    doorbell.tell(session, trial.container_id)
