"""The way home after a fallback: the wish that people set, and the intent that the gateway writes for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.errors import Invalid
from app.protocol.states import Cause, Protocol
from app.protocol.strategies import Plan
from app.protocol.way_home import KEY, Act
from app.queries import way_home as queries
from app.services import audit, doorbell, protocol_migrations
from app.services.actor import GATEWAY
from app.services.protocol_migrations import REASON
from app.services.rules import one_at_a_time

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import Container
    from app.protocol.way_home import WayHome
    from app.services.actor import Actor

RETURN: Final = Plan()
"""Callers' open requests finish first, and ACP is watched: it has failed before."""


def wish(session: Session, container: Container, wanted: WayHome, *, reason: str, actor: Actor) -> None:
    """Set whether, and how patiently, a container returns to ACP after a fallback.

    Raises:
        Invalid: there is no reason, a value breaks a rule, or the container has no ACP to return to.
    """
    if not reason.strip():
        raise Invalid("reason", REASON)
    wanted.check()
    if wanted.wanted and not container.supports(Protocol.ACP):
        raise Invalid("wanted", "the container does not support ACP: there is nothing to return to")
    session.refresh(container.session, with_for_update=True)
    before = queries.wish_of(container)
    kept = container.session.protocol_metadata or {}
    container.session.protocol_metadata = kept | {KEY: wanted.as_dict()}
    session.flush()
    audit.record(
        session,
        actor,
        "way home changed",
        ("container", container.id),
        reason=reason.strip(),
        before=before.as_dict(),
        after=wanted.as_dict(),
    )
    doorbell.ask(session, container.id)


def go(session: Session, container: Container) -> bool:
    """Write the intent to return if it is still due, by the rows as they are now; tell whether it was.

    Raises:
        Conflict: the container is held disconnected.
    """
    one_at_a_time(session, container)
    session.refresh(container.session)
    if not queries.wishes(container) or queries.of(session, container).act is not Act.GO:
        return False
    protocol_migrations.request(
        session,
        container,
        Protocol.ACP,
        reason="way home: HTTP was stable for as long as is wished",
        actor=GATEWAY,
        cause=Cause.WAY_HOME,
        plan=RETURN,
    )
    return True
