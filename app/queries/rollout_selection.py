"""Whom a rollout is for: the containers that its selection finds, and what stands in the way of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, func, or_, select

from app.models import (
    AcpConnectionConfiguration,
    ConnectionAction,
    Container,
    ContainerLease,
    ContainerSession,
    Gateway,
    ProtocolMigration,
    Rollout,
    RolloutContainer,
)
from app.protocol.rollout_plan import Feature
from app.protocol.rollout_states import LIVE, UNSETTLED, PartState
from app.protocol.states import ContainerStatus
from app.queries import connection_actions
from app.queries.container_filter import ContainerFilter, Only, found

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

TAKES_NO_PART: Final = "bulk operations are off in its configuration"
STOPPED: Final = "the container is stopped"
HELD: Final = "the container is held disconnected"
COMPETING: Final = "a protocol migration of it is under way"
ELSEWHERE: Final = "another rollout that has not ended has it"


def filter_of(selection: Mapping[str, str]) -> ContainerFilter:
    """Read a plan's selection; what is unknown narrows nothing."""
    given = {each.name: str(selection.get(each.name, "")) for each in fields(ContainerFilter)}
    only = {word.strip() for word in given.pop("only").split(",")}
    return ContainerFilter(**given, only=frozenset(each for each in Only if each.value in only))


def written(narrowed: ContainerFilter) -> dict[str, str]:
    """Write a containers' filter as a plan's selection; what narrows nothing is left away."""
    told = {each.name: getattr(narrowed, each.name) for each in fields(narrowed)}
    told["only"] = ",".join(sorted(narrowed.only))
    return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A container that a selection finds. `obstacle` says why it cannot take part now, None if it can."""

    id: uuid.UUID
    name: str
    image: str
    owner: str
    labels: dict[str, Any]
    gateway: str | None
    protocol_type: str
    obstacle: str | None
    blocked: str | None
    """What of that stands in the way of any protocol migration, be it the way back."""

    def features(self, chosen: Collection[Feature]) -> list[str]:
        """Return what it is, in words, of the kinds that canaries represent a selection by."""
        told = {
            Feature.IMAGE: [f"image {self.image}"] if self.image else [],
            Feature.OWNER: [f"owner {self.owner}"] if self.owner else [],
            Feature.GATEWAY: [f"gateway {self.gateway}"] if self.gateway else [],
            Feature.LABELS: [f"label {name}={value}" for name, value in sorted(self.labels.items())],
        }
        return [word for each in Feature if each in chosen for word in told[each]]


def candidates(
    session: Session, selection: Mapping[str, str], to: str, *, rollout_id: uuid.UUID | None = None
) -> Sequence[Candidate]:
    """Return what a selection finds, by name; `rollout_id` is the rollout that asks, if there is one."""
    chosen = found(filter_of(selection))
    return _read(session, _facts(rollout_id).where(Container.id.in_(chosen)), to)


def newcomers(
    session: Session, selection: Mapping[str, str], to: str, *, rollout_id: uuid.UUID
) -> Sequence[Candidate]:
    """Return those that a selection finds by now and that are no part of the rollout yet."""
    known = select(RolloutContainer.container_id).where(
        RolloutContainer.rollout_id == rollout_id, RolloutContainer.container_id == Container.id
    )
    chosen = found(filter_of(selection))
    return _read(session, _facts(rollout_id).where(Container.id.in_(chosen), ~known.exists()), to)


def of_ids(
    session: Session, container_ids: Iterable[uuid.UUID], to: str, *, rollout_id: uuid.UUID
) -> Mapping[uuid.UUID, Candidate]:
    """Return the same of some containers that take part in a rollout, by id."""
    statement = _facts(rollout_id).where(Container.id == func.any(list(container_ids)))
    return {each.id: each for each in _read(session, statement, to)}


def _read(session: Session, statement: Select[Any], to: str) -> Sequence[Candidate]:
    return [
        Candidate(
            id=row.id,
            name=row.name,
            image=row.image,
            owner=row.owner,
            labels=row.labels,
            gateway=row.gateway,
            protocol_type=row.protocol_type,
            obstacle=_obstacle(row, to),
            blocked=_blocked(row),
        )
        for row in session.execute(statement.order_by(Container.name))
    ]


def _facts(rollout_id: uuid.UUID | None) -> Select[Any]:
    held = exists().where(ConnectionAction.container_id == Container.id, connection_actions.HOLDS)
    competing = exists().where(
        ProtocolMigration.container_id == Container.id, ProtocolMigration.completed_at.is_(None)
    )
    waits = and_(RolloutContainer.state == PartState.WAITING, Rollout.state.in_(LIVE))
    elsewhere = exists().where(
        RolloutContainer.container_id == Container.id,
        Rollout.id == RolloutContainer.rollout_id,
        or_(waits, RolloutContainer.state.in_(UNSETTLED)),
    )
    if rollout_id is not None:
        elsewhere = elsewhere.where(Rollout.id != rollout_id)
    return (
        select(
            Container.id,
            Container.name,
            Container.image,
            Container.owner,
            Container.labels,
            Container.status,
            Container.supported_protocols,
            ContainerSession.protocol_type,
            AcpConnectionConfiguration.enable_bulk_operations,
            Gateway.address.label("gateway"),
            held.label("held"),
            competing.label("competing"),
            elsewhere.label("elsewhere"),
        )
        .join(ContainerSession, ContainerSession.container_id == Container.id)
        .join(AcpConnectionConfiguration, AcpConnectionConfiguration.container_id == Container.id)
        .outerjoin(ContainerLease, ContainerLease.container_id == Container.id)
        .outerjoin(Gateway, Gateway.id == ContainerLease.gateway_id)
    )


def _obstacle(row: Any, to: str) -> str | None:
    obstacles = (
        (not row.enable_bulk_operations, TAKES_NO_PART),
        (to not in row.supported_protocols, f"it does not support {to}"),
        (row.protocol_type == to, f"it is on {to} already"),
    )
    blocked = _blocked(row) or (ELSEWHERE if row.elsewhere else None)
    return next((why for hinders, why in obstacles if hinders), blocked)


def _blocked(row: Any) -> str | None:
    obstacles = (
        (row.status != ContainerStatus.RUNNING, STOPPED),
        (row.held, HELD),
        (row.competing, COMPETING),
    )
    return next((why for hinders, why in obstacles if hinders), None)
