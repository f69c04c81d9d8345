"""Containers: one by name or id, some by their ids, and how many there are of which kind."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, literal, select
from sqlalchemy.orm import joinedload

from app.errors import NotFound
from app.models import Container, ContainerSession, ContainerStanding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session


_WHOLE: Final = select(Container).options(joinedload(Container.session), joinedload(Container.configuration))


def get(session: Session, reference: str | uuid.UUID) -> Container:
    """Return a container by its id or name, with its session and configuration.

    Raises:
        NotFound: there is none.
    """
    named = _WHOLE.where(_named(reference))
    container = session.scalar(named) if "\0" not in str(reference) else None  # PostgreSQL would refuse it
    if container is None:
        raise NotFound(f"there is no container {str(reference)!r}")
    return container


def of_ids(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[Container]:
    """Return those of some containers that exist, in no order, with their sessions and configurations."""
    return session.scalars(_WHOLE.where(Container.id.in_(container_ids))).all()


def _named(reference: str | uuid.UUID) -> Any:
    try:
        return Container.id == uuid.UUID(str(reference))
    except ValueError:
        return Container.name == reference


class Counts(NamedTuple):
    """How many containers there are, by connection status (or `never`) and by protocol; 0 is left out."""

    total: int
    statuses: dict[str, int]
    protocols: dict[str, int]

    def __hash__(self) -> int:
        """Dictionaries have no hash; these are not changed once they are made."""
        return hash((*sorted(self.statuses.items()), *sorted(self.protocols.items())))


def counts(session: Session) -> Counts:
    """Count containers by what the list's lines say of them, without making the lines."""
    statuses, protocols = _grouped(ContainerStanding.status), _grouped(ContainerSession.protocol_type)
    counted: dict[str, dict[str, int]] = {"status": {}, "protocol_type": {}}
    for kind, value, number in session.execute(statuses.union_all(protocols)):
        counted[kind][value] = number
    return Counts(sum(counted["protocol_type"].values()), counted["status"], counted["protocol_type"])


def _grouped(column: Any) -> Select[Any]:
    return select(literal(column.key), column, func.count()).group_by(column)
