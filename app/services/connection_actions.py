"""Reconnect, disconnect and probe: the intents of operators, and what the gateway says came of them.

The web and the command line write an intent with `request`; the gateway that holds the container takes it,
acts and finishes it. One that dies in between leaves it open, and the next gateway does it (again): each kind
may be repeated without harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from app.errors import Conflict, Invalid
from app.models import ConnectionAction
from app.protocol.states import ActionKind, ContainerStatus
from app.queries import connection_actions as stored
from app.queries import protocol_migrations
from app.services import audit, doorbell
from app.services.rules import enforced, one_at_a_time

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container, ProtocolMigration
    from app.services.actor import Actor

STOPPED: Final = "the container is stopped; start it first"
MIGRATING: Final = "a protocol migration of this container is under way; wait for its end"
HELD: Final = "the container is held disconnected already"


def obstacles(session: Session, container: Container) -> Mapping[ActionKind, str | None]:
    """Say for each action why it cannot be asked for now, None if it can: the buttons and `request` go by it.

    A first dial that has not succeeded yet is no obstacle, for it may never: it waits while the container is
    held disconnected.
    """
    migration = protocol_migrations.open_of(session, container.id)
    return obstacles_of(container.status, migration, stored.pending(session, container.id))


def obstacles_of(
    status: str, migration: ProtocolMigration | None, pending: Sequence[ConnectionAction]
) -> Mapping[ActionKind, str | None]:
    """Say it of a container's status, its protocol migration under way, and what is pending there."""
    if status != ContainerStatus.RUNNING:
        return dict.fromkeys(ActionKind, STOPPED)
    if migration is not None and not migration.interruptible:
        return dict.fromkeys(ActionKind, MIGRATING)
    found: dict[ActionKind, str | None] = dict.fromkeys(ActionKind)
    if any(each.holds for each in pending):
        found[ActionKind.DISCONNECT] = HELD
    for each in pending:
        if each.open:
            found[ActionKind(each.kind)] = f"a {each.kind} of this container is under way already"
    return found


def request(
    session: Session, container: Container, kind: str, *, reason: str, actor: Actor
) -> ConnectionAction:
    """Write the intent; the gateway acts on it.

    A reconnect ends the hold of an earlier disconnect, and a disconnect takes the place of a reconnect that
    is still under way.

    Raises:
        Invalid: there is no such action, or no reason.
        Conflict: the container's state does not allow it now; see `obstacles`.
    """
    if kind not in list(ActionKind):
        raise Invalid("kind", f"{kind!r} is not an action; choose from reconnect, disconnect, probe")
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    one_at_a_time(session, container)
    if problem := obstacles(session, container)[ActionKind(kind)]:
        raise Conflict(problem)
    if kind == ActionKind.RECONNECT:
        release(session, container)
    if kind == ActionKind.DISCONNECT:
        _supersede_reconnect(session, container)
    action = ConnectionAction(
        container_id=container.id, kind=kind, reason=reason.strip(), requested_by=actor.name
    )
    with enforced(session):
        session.add(action)
        session.flush()
    subject = ("container", container.id)
    after = {"connection_action": str(action.id)}
    audit.record(session, actor, f"{kind} requested", subject, reason=action.reason, after=after)
    doorbell.ask(session, container.id)
    return action


def release(session: Session, container: Container) -> None:
    """Let a container that is held disconnected be dialled again."""
    hold = stored.hold_of(session, container.id)
    if hold is not None:
        hold.released_at = session.scalar(select(func.clock_timestamp()))
        session.flush()


def _supersede_reconnect(session: Session, container: Container) -> None:
    for each in stored.pending(session, container.id):
        if each.kind == ActionKind.RECONNECT:
            finish(session, each, success=False, outcome="a disconnect was requested meanwhile")


def take(session: Session, action: ConnectionAction, gateway_id: uuid.UUID, epoch: int) -> None:
    """Note which gateway carries an action out, under which epoch of its lease."""
    action.gateway_id, action.epoch = gateway_id, epoch
    action.taken_at = session.scalar(select(func.clock_timestamp()))
    session.flush()
    doorbell.tell(session, action.container_id)


def finish(
    session: Session,
    action: ConnectionAction,
    *,
    success: bool,
    outcome: str,
    measured: Mapping[str, Any] | None = None,
) -> None:
    """Write what came of an action; one that has been finished by now stays as it is.

    A disconnect that could not be carried out holds nothing.
    """
    session.refresh(action, with_for_update=True)
    if not action.open:
        return
    now = session.scalar(select(func.clock_timestamp()))
    action.finished_at, action.success, action.outcome = now, success, outcome
    action.measured = dict(measured) if measured is not None else None
    if action.kind == ActionKind.DISCONNECT and not success:
        action.released_at = now
    session.flush()
    doorbell.tell(session, action.container_id)
