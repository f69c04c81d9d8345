"""The list of containers: its lines by page, one by one, and which they are."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import ARRAY, DateTime, Text, Uuid, and_, bindparam, case, cast, func, select, true

from app.models import AcpConnection, ConnectionAction, Container, ContainerSession, ContainerStanding
from app.protocol.states import ConnectionStatus
from app.queries import connection_actions, paging, plain, waiting
from app.queries.container_filter import few, found, narrow, orders
from app.queries.fixed import fixed
from app.queries.versions import version

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from app.queries.container_filter import ContainerFilter
    from app.queries.paging import Page, Where


class ContainerRow(NamedTuple):
    """A line of the list. `latency_ms` is the last health ping's, `error` the last dial's or connection's."""

    id: uuid.UUID
    name: str
    image: str
    owner: str
    labels_json: str
    endpoint_url: str
    container_status: str
    protocols: str
    """Those that it supports, as PostgreSQL writes an array: `{http,acp}`."""
    protocol_type: str
    connection_id: uuid.UUID | None
    status: str | None
    latency_ms: float | None
    last_active: dt.datetime | None
    error_count: int | None
    reconnect_count: int | None
    error: str | None
    silent_since: dt.datetime | None
    """As AcpConnection.silent_since."""
    held_by: str | None
    """Who asked for it to stay disconnected, since when and why."""
    held_since: dt.datetime | None
    held_reason: str | None
    waiting_for: str | None
    """The method of the agent's oldest request that waits for a caller, the caller's name, since when."""
    waiting_caller: str | None
    waiting_since: dt.datetime | None

    @property
    def labels(self) -> dict[str, str]:
        """As they are; the row has them as text, so that it can be compared and looked up."""
        labels: dict[str, str] = json.loads(self.labels_json)
        return labels

    def as_dict(self) -> dict[str, Any]:
        """Return all of it by name, with labels and protocols as they are."""
        shown = self._asdict()
        del shown["labels_json"], shown["protocols"]
        return {**shown, "labels": self.labels, "supported_protocols": self.protocols.strip("{}").split(",")}


class ContainerKey(NamedTuple):
    """Which container stands in a line, and the versions of all that the line says of it.

    What waits there stands for itself: a record never changes. Ids are text (`plain.as_text`).
    """

    id: str
    version: str
    session: str
    connection: str | None
    hold: str | None
    waiting: str | None


def page(
    session: Session, narrowed: ContainerFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[ContainerRow]:
    """Return one page of the list.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement, given = _among(session, rows_of, narrowed)
    by = orders(narrowed)
    return paging.read(session, statement, by, where, make=ContainerRow._make, limit=limit, given=given)


def keys(session: Session, narrowed: ContainerFilter, where: Where) -> Page[ContainerKey]:
    """Return which containers stand on a page of the list, without reading more of them.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement, given = _among(session, keys_of, narrowed)
    return paging.read(session, statement, orders(narrowed), where, make=ContainerKey._make, given=given)


def _among(
    session: Session, selected: Callable[..., Select[Any]], narrowed: ContainerFilter
) -> tuple[Select[Any], Mapping[str, Any]]:
    """Return a list's statement, and its parameters: the ids of those that a text finds, if they are few."""
    ids = few(session, narrowed.text) if narrowed.text else None
    if ids is None:
        return selected(narrowed), {}
    return selected(replace(narrowed, text=""), among=True), {"ids": ids}


def of_keys(session: Session, keys: Sequence[ContainerKey]) -> Mapping[ContainerKey, ContainerRow]:
    """Return the lines of some containers; one that has been removed meanwhile is left out."""
    wanted = _LINES.where(Container.id == func.any(cast([key.id for key in keys], ARRAY(Uuid))))
    found = {str(row[0]): ContainerRow._make(row) for row in plain.read(session, wanted).all()}
    return {key: found[key.id] for key in keys if key.id in found}


def ids(session: Session, narrowed: ContainerFilter) -> Sequence[uuid.UUID]:
    """Return all containers that the list shows under a filter, in order of name."""
    return session.scalars(found(narrowed).order_by(Container.name)).all()


def row(session: Session, container_id: uuid.UUID) -> ContainerRow | None:
    """Return one container's line of the list."""
    line = session.execute(_LINES.where(Container.id == container_id)).one_or_none()
    return ContainerRow._make(line) if line else None


def count(session: Session, narrowed: ContainerFilter) -> int:
    """Count the containers that a filter finds."""
    return session.scalar(select(func.count()).select_from(found(narrowed).subquery())) or 0


def _lines() -> Any:
    """Select the list's lines: each container with its active connection, or else its latest one."""
    facts, asked = AcpConnection.metadata_, waiting.oldest(AcpConnection.__table__)
    return _joined(
        asked,
        select(
            Container.id,
            Container.name,
            Container.image,
            Container.owner,
            cast(Container.labels, Text),
            Container.endpoint_url,
            Container.status,
            cast(Container.supported_protocols, Text),
            ContainerSession.protocol_type,
            AcpConnection.id,
            AcpConnection.status,
            facts["latency_ms"].as_float(),
            AcpConnection.last_active,
            AcpConnection.error_count,
            AcpConnection.reconnect_count,
            facts["last_error"].astext,
            case(
                (
                    AcpConnection.status == fixed(ConnectionStatus.CONNECTED),
                    facts["silent_since"].astext.cast(DateTime(timezone=True)),
                )
            ),
            ConnectionAction.requested_by,
            ConnectionAction.requested_at,
            ConnectionAction.reason,
            asked.c.method,
            asked.c.caller,
            asked.c.timestamp,
        ),
    )


def _keys() -> Any:
    asked = waiting.oldest_id(AcpConnection.__table__)
    versions = map(version, (Container, ContainerSession, AcpConnection, ConnectionAction))
    return _joined(asked, select(plain.as_text(Container.id), *versions, plain.as_text(asked.c.id)))


def _joined(asked: Any, selected: Any) -> Any:
    """Join what a line is made of; `asked` is what waits for a caller on its connection."""
    return (
        selected.select_from(Container)
        .join(ContainerStanding, ContainerStanding.container_id == Container.id)
        .join(ContainerSession, ContainerSession.container_id == Container.id)
        .outerjoin(AcpConnection, AcpConnection.id == ContainerStanding.connection_id)
        .outerjoin(asked, true())
        .outerjoin(
            ConnectionAction, and_(ConnectionAction.container_id == Container.id, connection_actions.HOLDS)
        )
    )


_LINES: Final[Select[Any]] = _lines()
_KEYS: Final[Select[Any]] = _keys()
_IS_AMONG: Final = Container.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))


@lru_cache(paging.KEPT)
def rows_of(narrowed: ContainerFilter, *, among: bool = False) -> Select[Any]:
    """Select the lines that a filter finds, in no order; `among` those of some `ids`, a parameter."""
    return narrow(_LINES.where(_IS_AMONG) if among else _LINES, narrowed)


@lru_cache(paging.KEPT)
def keys_of(narrowed: ContainerFilter, *, among: bool = False) -> Select[Any]:
    """Select which lines they are, with their versions, in no order."""
    return narrow(_KEYS.where(_IS_AMONG) if among else _KEYS, narrowed)
