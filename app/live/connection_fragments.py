"""Connections, as pages and live updates show them."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

from app.live import bands, recent
from app.live.lines import looked_up
from app.queries import (
    connection_list,
    connections,
    containers,
    ends,
    past,
    plot_notes,
    waiting,
)

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.live.fragments import Parameters
    from app.models import Container
    from app.queries.connection_filter import ConnectionFilter
    from app.queries.connection_list import ConnectionKey
    from app.queries.past import Span


def state(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"connection": connections.get(session, connection_id)}


def waiting_at(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": connection_id, "waiting": waiting.of_connection(session, connection_id)}


def transitions(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    found = connections.transitions(session, connection_id)
    return {"connection_id": connection_id, "transitions": found}


def ended(session: Session, connection_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": connection_id, "ends": ends.by_kind(session, connection_id=connection_id)}


def ended_of_container(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {"subject_id": container_id, "ends": ends.by_kind(session, container_id=container_id)}


def states(session: Session, connection_id: uuid.UUID, within: str = past.USUAL) -> Mapping[str, Any]:
    return _band(partial(past.of_connection, session, connection_id), connection_id, within)


def states_of_container(
    session: Session, container_id: uuid.UUID, within: str = past.USUAL
) -> Mapping[str, Any]:
    return _band(partial(past.of_container, session, container_id), container_id, within)


def noted_states(session: Session, connection_id: uuid.UUID, within: str = past.USUAL) -> Mapping[str, Any]:
    container = connections.get(session, connection_id).container
    return _with_notes(session, container, states(session, connection_id, within))


def noted_states_of_container(
    session: Session, container_id: uuid.UUID, within: str = past.USUAL
) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return _with_notes(session, container, states_of_container(session, container_id, within))


def _with_notes(session: Session, container: Container, found: Mapping[str, Any]) -> Mapping[str, Any]:
    spans: Sequence[Span] = found["spans"]
    noted = plot_notes.of_container(session, container, spans[0].begin, spans[-1].end)
    return {**found, "noted": noted}


def _band(read: Callable[..., Sequence[Span]], subject_id: uuid.UUID, within: str) -> Mapping[str, Any]:
    """Read the states of the last hours or days, and lay them out."""
    now = dt.datetime.now(dt.UTC)
    spans = read(begin=now - past.RANGES[within], end=now)
    laid_out = {"pieces": bands.pieces(spans), "shares": bands.shares(spans), "width": bands.WIDTH}
    return {"subject_id": subject_id, "within": within, "spans": spans, **laid_out}


def listed(
    session: Session,
    narrowed: ConnectionFilter,
    order: str,
    query: Parameters,
    *,
    after: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
) -> Mapping[str, Any]:
    page = connection_list.keys(session, narrowed, connection_list.Place(order, after, before))

    def load(missing: Sequence[ConnectionKey]) -> Mapping[ConnectionKey, Mapping[str, Any]]:
        found = connection_list.of_keys(session, missing)
        return {key: {"row": row} for key, row in found.items()}

    return {
        "page": page,
        "rows": looked_up("connections/_row.html", page.rows, load),
        "query": dict(query),
        "begun": after is None and before is None,
    }


def counts(session: Session) -> Mapping[str, Any]:
    read = partial(connection_list.counts, session)
    return {"counts": recent.figures("connections by state", read)}
