"""Preflights: the intent of a dry run, what the gateway says came of it, and what a migration has found.

The gateway that holds the container dials beside its connection. One that dies in between leaves the
preflight to the next one.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from app.errors import Blocked, Conflict, Invalid
from app.models import Preflight
from app.protocol.preflight import blocking, joined, overall
from app.protocol.states import Protocol
from app.protocol.strategies import Strategy
from app.queries import blast, containers, protocol_migrations
from app.queries import preflights as stored
from app.services import audit, doorbell
from app.services.connection_actions import MIGRATING
from app.services.rules import enforced, one_at_a_time

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from app.models import Container, ProtocolMigration
    from app.protocol.policy import EndpointPolicy
    from app.protocol.preflight import Check
    from app.protocol.strategies import Plan
    from app.services.actor import Actor

BY_MIGRATION: Final = "gateway"
FRESH: Final = dt.timedelta(days=1)
"""A dry run from before says nothing any more."""
LATER: Final = frozenset({Strategy.SCHEDULED})
"""Strategies under which what stands in the way now may be gone by then."""


def obstacle(session: Session, container: Container) -> str | None:
    """Say why no dry run can be asked for now, None if it can: the button and `request` go by it."""
    migration = protocol_migrations.open_of(session, container.id)
    if migration is not None and not migration.interruptible:
        return MIGRATING
    if stored.open_of_many(session, [container.id]):
        return "a preflight of this container is under way already"
    return None


def request(session: Session, container: Container, to: str, *, actor: Actor) -> Preflight:
    """Write the intent of a dry run; the gateway acts on it at once.

    Raises:
        Invalid: `to` is not a protocol.
        Conflict: the container's state does not allow it now; see `obstacle`.
    """
    if to not in list(Protocol):
        raise Invalid("to_protocol", f"{to!r} is not a protocol; choose from http, acp")
    one_at_a_time(session, container)
    if problem := obstacle(session, container):
        raise Conflict(problem)
    preflight = Preflight(container_id=container.id, to_protocol=to, requested_by=actor.name)
    with enforced(session):
        session.add(preflight)
        session.flush()
    after = {"preflight": str(preflight.id), "to_protocol": to}
    audit.record(session, actor, "preflight requested", ("container", container.id), after=after)
    doorbell.ask(session, container.id)
    return preflight


def take(session: Session, preflight: Preflight, gateway_id: uuid.UUID) -> None:
    """Note which gateway carries a preflight out."""
    preflight.gateway_id = gateway_id
    preflight.taken_at = _now(session)
    session.flush()
    doorbell.tell(session, preflight.container_id)


def finish(session: Session, preflight: Preflight, checks: Iterable[Check]) -> None:
    """Write what a preflight has found; one that has been finished by now stays as it is."""
    session.refresh(preflight, with_for_update=True)
    if preflight.open:
        _complete(session, preflight, checks)
        session.flush()
        doorbell.tell(session, preflight.container_id)


def record(
    session: Session, migration: ProtocolMigration, gateway_id: uuid.UUID, checks: Iterable[Check]
) -> Preflight:
    """Store what a protocol migration has found in its own preflight, in place of what it found before."""
    now = _now(session)
    preflight = stored.of_migration(session, migration.id) or Preflight(
        container_id=migration.container_id,
        to_protocol=migration.to_protocol,
        requested_by=migration.requested_by,
        migration_id=migration.id,
    )
    preflight.gateway_id, preflight.taken_at = gateway_id, now
    _complete(session, preflight, checks)  # first: what is added before it is open for a moment
    session.add(preflight)
    session.flush()
    return preflight


def _complete(session: Session, preflight: Preflight, checks: Iterable[Check]) -> None:
    found = list(checks)
    radius = blast.of(session, containers.get(session, preflight.container_id))
    now = _now(session)
    preflight.verdict, preflight.completed_at = overall(found), now
    preflight.checks, preflight.blast = [each.as_dict() for each in found], radius.as_dict()


def check_startable(
    session: Session,
    container: Container,
    to: str,
    plan: Plan,
    *,
    policy: EndpointPolicy | None = None,
    anyway: bool = False,
) -> None:
    """Refuse a start that the rows show to fail, and one that the last dry run has shown to.

    What stands in the way now may be gone by the time of a scheduled one, so that only its protocol and
    its competitors count. `anyway` starts in spite of the dry run, for what it found may have been mended
    since; the migration's own preflight looks again.

    Raises:
        Blocked: with the first reason, and its remedy.
    """
    checks = stored.static_checks(session, container, to, policy)
    lasting = {"protocol", "migration"}
    for each in blocking(checks):
        if plan.strategy not in LATER or each.name in lasting:
            raise Blocked(f"{each.reason}; {each.remedy}")
    last = stored.latest(session, container.id, to)
    if anyway or last is None or last.completed_at is None or _now(session) - last.completed_at > FRESH:
        return
    if found := blocking(joined([], last.found)):
        told = f"the last preflight blocked: {found[0].reason}"
        raise Blocked(f"{told}; run it again, or say that you start anyway")


def _now(session: Session) -> dt.datetime:
    moment: dt.datetime = session.scalars(select(func.clock_timestamp())).one()
    return moment
