"""Operators' actions on many connections at once: each container decides by `enable_bulk_operations`.

Who is concerned is previewed, confirmed and looked at again, and all of it is written in a few statements,
however many containers there are.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, insert, select, update

from app.errors import Conflict, Invalid
from app.models import (
    AcpConnectionConfiguration,
    AuditEvent,
    ConnectionAction,
    Container,
    FleetAction,
    new_id,
)
from app.protocol.states import ActionKind
from app.queries import connection_actions as stored
from app.queries import protocol_migrations
from app.queries.container_filter import ContainerFilter
from app.queries.container_filter import found as found_by
from app.services import audit, connection_actions, doorbell

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.services.actor import Actor

TAKES_NO_PART: Final = "bulk operations are off in its configuration"
SUPERSEDED: Final = "a disconnect was requested meanwhile"


class Concerned(NamedTuple):
    """A container that is asked."""

    id: uuid.UUID
    name: str


class Preview(NamedTuple):
    """Who an action would be asked of, by name, and who is left out for which reason (names by reason)."""

    concerned: list[Concerned]
    left_out: dict[str, list[str]]

    @property
    def digest(self) -> str:
        """What the set is known by again: another set has another one."""
        listed = sorted(each.id.bytes for each in self.concerned)
        return hashlib.sha256(b"".join(listed)).hexdigest()


class Asked(NamedTuple):
    """What was asked, and of whom it could not be asked (by name) and why."""

    actions: list[ConnectionAction]
    refused: dict[str, str]


def preview(session: Session, kind: str, chosen: Sequence[uuid.UUID]) -> Preview:
    """Say of some containers whom an action would be asked of now; those that are gone are in neither list.

    Raises:
        Invalid: there is no such action.
    """
    if kind not in list(ActionKind):
        raise Invalid("kind", f"{kind!r} is not an action; choose from reconnect, disconnect, probe")
    migrations = {each.container_id: each for each in protocol_migrations.open_of_many(session, chosen)}
    pending: dict[uuid.UUID, list[ConnectionAction]] = defaultdict(list)
    for action in stored.pending_of_many(session, chosen):
        pending[action.container_id].append(action)
    found = Preview([], {})
    for row in session.execute(_facts(chosen)):
        migration, actions = migrations.get(row.id), pending[row.id]
        obstacle = connection_actions.obstacles_of(row.status, migration, actions)[ActionKind(kind)]
        why = obstacle if row.takes_part else TAKES_NO_PART
        if why is None:
            found.concerned.append(Concerned(row.id, row.name))
        else:
            found.left_out.setdefault(why, []).append(row.name)
    return found


def _facts(chosen: Sequence[uuid.UUID]) -> Any:
    takes_part = AcpConnectionConfiguration.enable_bulk_operations.label("takes_part")
    return (
        select(Container.id, Container.name, Container.status, takes_part)
        .join(AcpConnectionConfiguration, AcpConnectionConfiguration.container_id == Container.id)
        .where(Container.id == func.any(list(chosen)))
        .order_by(Container.name)
    )


def ask(session: Session, kind: str, previewed: Preview, *, reason: str, actor: Actor) -> FleetAction:
    """Ask an action of those that a preview concerns, as `connection_actions.request` does of one.

    Raises:
        Conflict: by now it concerns others; nothing is asked.
        Invalid: there is no such action, or no reason.
    """
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    chosen = [each.id for each in previewed.concerned]
    _lock(session, chosen)
    if preview(session, kind, chosen).digest != previewed.digest:
        raise Conflict("whom it concerns has changed since it was shown; look at it again")
    fleet = FleetAction(
        id=new_id(),
        kind=kind,
        reason=reason.strip(),
        requested_by=actor.name,
        asked=len(chosen),
        left_out=previewed.left_out,
    )
    session.add(fleet)
    session.flush()
    _make_way(session, kind, chosen)
    _write(session, fleet, chosen, actor)
    doorbell.ask_all(session, chosen)
    return fleet


def _lock(session: Session, chosen: Sequence[uuid.UUID]) -> None:
    """Hold the containers' rows in one order, so that what is asked of each is judged in turn."""
    rows = select(Container.id).where(Container.id == func.any(list(chosen))).order_by(Container.id)
    session.execute(rows.with_for_update(key_share=True)).all()


def _make_way(session: Session, kind: str, chosen: Sequence[uuid.UUID]) -> None:
    """A reconnect ends holds; a disconnect takes the place of a reconnect that is under way."""
    theirs = ConnectionAction.container_id == func.any(list(chosen))
    if kind == ActionKind.RECONNECT:
        released = update(ConnectionAction).where(theirs, stored.HOLDS)
        session.execute(released.values(released_at=func.clock_timestamp()))
    if kind == ActionKind.DISCONNECT:
        reconnects = update(ConnectionAction).where(theirs, ConnectionAction.finished_at.is_(None))
        session.execute(
            reconnects.where(ConnectionAction.kind == ActionKind.RECONNECT).values(
                finished_at=func.clock_timestamp(), success=False, outcome=SUPERSEDED
            )
        )


def _write(session: Session, fleet: FleetAction, chosen: Sequence[uuid.UUID], actor: Actor) -> None:
    shared = {"kind": fleet.kind, "reason": fleet.reason, "requested_by": actor.name}
    rows = [{"id": new_id(), "container_id": each, "fleet_action_id": fleet.id} | shared for each in chosen]
    if rows:
        session.execute(insert(ConnectionAction), rows)
        session.execute(insert(AuditEvent), [_event(row) for row in rows])
    told: Mapping[str, Any] = {"asked": len(chosen), "left_out": sum(map(len, fleet.left_out.values()))}
    subject = ("fleet_action", fleet.id)
    audit.record(session, actor, f"{fleet.kind} of many requested", subject, reason=fleet.reason, after=told)


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "actor": row["requested_by"],
        "action": f"{row['kind']} requested",
        "subject_type": "container",
        "subject_id": row["container_id"],
        "reason": row["reason"],
        "before": None,
        "after": {"connection_action": str(row["id"]), "fleet_action": str(row["fleet_action_id"])},
    }


def takers(session: Session, narrowed: ContainerFilter | None = None) -> Sequence[Container]:
    """Return the containers that take part in fleet-wide actions, by name; of those that a filter finds."""
    return session.scalars(
        select(Container)
        .join(AcpConnectionConfiguration, AcpConnectionConfiguration.container_id == Container.id)
        .where(AcpConnectionConfiguration.enable_bulk_operations)
        .where(Container.id.in_(found_by(narrowed or ContainerFilter())))
        .order_by(Container.name)
    ).all()


def request(
    session: Session,
    kind: str,
    count: int,
    *,
    reason: str,
    actor: Actor,
    narrowed: ContainerFilter | None = None,
) -> Asked:
    """Ask an action of every container that takes part, in one step without a preview.

    `count` is how many the operator has been shown; another number now would not be what was confirmed.

    Raises:
        Conflict: there are more or fewer of them by now; nothing is asked.
        Invalid: there is no such action, or no reason.
    """
    containers = takers(session, narrowed)
    if len(containers) != count:
        raise Conflict(f"{len(containers)} containers take part in fleet-wide actions, not {count}")
    chosen = [container.id for container in containers]
    _lock(session, chosen)
    previewed = preview(session, kind, chosen)
    fleet = ask(session, kind, previewed, reason=reason, actor=actor)
    of_it = select(ConnectionAction).where(ConnectionAction.fleet_action_id == fleet.id)
    refused = {name: why for why, names in previewed.left_out.items() for name in names}
    return Asked(list(session.scalars(of_it.order_by(ConnectionAction.id))), refused)
