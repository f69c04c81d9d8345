"""Operators' actions on all connections at once: each container decides by `enable_bulk_operations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from app.errors import Conflict
from app.models import AcpConnectionConfiguration, Container
from app.services import connection_actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import ConnectionAction
    from app.services.actor import Actor


class Asked(NamedTuple):
    """What was asked, and of whom it could not be asked (by name) and why."""

    actions: list[ConnectionAction]
    refused: dict[str, str]


def takers(session: Session) -> Sequence[Container]:
    """Return the containers that take part in fleet-wide actions, by name."""
    return session.scalars(
        select(Container)
        .join(AcpConnectionConfiguration, AcpConnectionConfiguration.container_id == Container.id)
        .where(AcpConnectionConfiguration.enable_bulk_operations)
        .order_by(Container.name)
    ).all()


def request(session: Session, kind: str, count: int, *, reason: str, actor: Actor) -> Asked:
    """Ask an action of every container that takes part, as `connection_actions.request` does of one.

    `count` is how many the operator has been shown; another number now would not be what was confirmed.

    Raises:
        Conflict: there are more or fewer of them by now; nothing is asked.
        Invalid: there is no such action, or no reason.
    """
    containers = takers(session)
    if len(containers) != count:
        raise Conflict(f"{len(containers)} containers take part in fleet-wide actions, not {count}")
    asked = Asked([], {})
    for container in containers:
        try:
            with session.begin_nested():
                action = connection_actions.request(session, container, kind, reason=reason, actor=actor)
        except Conflict as refused:
            asked.refused[container.name] = str(refused)
        else:
            asked.actions.append(action)
    return asked
