"""What the list of containers is narrowed to and sorted by, for its page, its bulk actions and the CLI."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from app.models import (
    ConnectionAction,
    Container,
    ContainerLease,
    ContainerSession,
    ContainerStanding,
    Gateway,
)
from app.protocol.states import ConnectionStatus, ContainerStatus
from app.queries import connection_actions, plain, waiting
from app.queries.fixed import fixed
from app.queries.paging import KEPT, Order

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

NEVER: Final = "never"
"""The filter's word for a container that has had no connection yet."""
FEW: Final = 150
"""Containers up to which those that a text finds are looked up by their ids."""
ENDED_WITHIN: Final = dt.timedelta(hours=1)
"""How long ago a connection has ended recently."""


class Only(StrEnum):
    """Conditions that can be combined: each leaves those of which it is true."""

    ERRORS = "errors"
    WAITING = "waiting"
    HELD = "held"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFilter:
    """What the list is narrowed to; an empty value narrows nothing.

    `text` is words in name, image or owner, and labels as `name=value`. `status` may be `never`. `label` is a
    label's name, or `name=value`. `gateway` is the address of the one that holds the container now.
    """

    text: str = ""
    protocol: str = ""
    status: str = ""
    owner: str = ""
    label: str = ""
    gateway: str = ""
    only: frozenset[Only] = frozenset()


ORDERS: Final[Mapping[str, Order]] = {
    "name": Order(column=Container.name, kind=str),
    "errors": Order(
        column=ContainerStanding.error_count, tie=ContainerStanding.container_id, kind=int, falls=True
    ),
    "activity": Order(
        column=ContainerStanding.active_at, tie=ContainerStanding.container_id, kind=dt.datetime, falls=True
    ),
    "latency": Order(
        column=ContainerStanding.latency_step, tie=ContainerStanding.container_id, kind=int, falls=True
    ),
    "state": Order(
        column=ContainerStanding.urgency, tie=ContainerStanding.container_id, kind=int, falls=True
    ),
}
"""By what the list is sorted: errors first where it is by state."""
_IN_STATE: Final = {**ORDERS, "name": Order(column=ContainerStanding.name, kind=str)}


def orders(narrowed: ContainerFilter) -> Mapping[str, Order]:
    """Return the same orders by the columns whose index serves under a filter."""
    return _IN_STATE if narrowed.status else ORDERS


def few(session: Session, text: str) -> Sequence[uuid.UUID] | None:
    """Return the ids of the containers that a text finds, None if they are more than FEW.

    They are asked for by themselves: PostgreSQL takes them for evenly spread, and would rather walk along the
    list's order, through most of the fleet, than find a few by the index of texts.
    """
    ids = plain.read(session, _some(text)).scalars().all()
    return ids if len(ids) <= FEW else None


@lru_cache(KEPT)
def _some(text: str) -> Select[Any]:
    return select(Container.id).where(*_texts(text)).limit(fixed(FEW + 1))


def narrow(statement: Select[Any], narrowed: ContainerFilter) -> Select[Any]:
    """Narrow a statement that selects from container, its session and its standing."""
    return statement.where(*_conditions(narrowed))


def found(narrowed: ContainerFilter) -> Select[Any]:
    """Select the ids of all containers that a filter finds."""
    statement = (
        select(Container.id)
        .join(ContainerStanding, ContainerStanding.container_id == Container.id)
        .join(ContainerSession, ContainerSession.container_id == Container.id)
    )
    return narrow(statement, narrowed)


def _texts(text: str) -> Iterator[ColumnElement[bool]]:
    for word in text.split():
        columns = (Container.name, Container.image, Container.owner)
        said = [column.icontains(word, autoescape=True) for column in columns]
        yield or_(*said, *([_labelled(word)] if "=" in word else []))


def _conditions(narrowed: ContainerFilter) -> Iterator[ColumnElement[bool]]:
    yield from _texts(narrowed.text)
    if narrowed.protocol:
        yield ContainerSession.protocol_type == narrowed.protocol
    if narrowed.status:
        yield ContainerStanding.status == fixed(narrowed.status)
    if narrowed.owner:
        yield Container.owner == narrowed.owner
    if narrowed.label:
        yield _labelled(narrowed.label)
    if narrowed.gateway:
        lease = select(ContainerLease.container_id).where(ContainerLease.container_id == Container.id)
        held = lease.join(Gateway).where(Gateway.address == narrowed.gateway)
        yield held.where(ContainerLease.expires_at > func.clock_timestamp()).exists()
    for each in sorted(narrowed.only):
        yield _only(each)


def _labelled(label: str) -> ColumnElement[bool]:
    name, equals, value = label.partition("=")
    return Container.labels.contains({name: value}) if equals else Container.labels.has_key(name)


def _only(condition: Only) -> ColumnElement[bool]:
    match condition:
        case Only.ERRORS:
            return ContainerStanding.error_count > 0
        case Only.STOPPED:
            return Container.status == ContainerStatus.STOPPED
        case Only.HELD:
            hold = select(ConnectionAction.id).where(ConnectionAction.container_id == Container.id)
            # The list joins the holds, too: without `correlate` this would take that join for its own.
            return hold.where(connection_actions.HOLDS).correlate(Container).exists()
        case Only.ENDED:
            since = func.now() - ENDED_WITHIN
            ended = ContainerStanding.status == ConnectionStatus.DISCONNECTED
            return ended & (ContainerStanding.active_at > since)
        case Only.WAITING:
            return waiting.on(ContainerStanding.connection_id, ContainerStanding.status)
