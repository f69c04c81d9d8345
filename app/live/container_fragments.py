"""Containers and what is asked of them, as pages and live updates show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.errors import NotFound
from app.live import recent
from app.queries import (
    connection_actions,
    connections,
    container_list,
    containers,
    fleet_actions,
    protocol_migrations,
    waiting,
)
from app.services.connection_actions import obstacles

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def row(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    row = container_list.row(session, container_id)
    if row is None:
        raise NotFound(f"there is no container {container_id}")
    return {"row": row}


def counts(session: Session) -> Mapping[str, Any]:
    return {"counts": recent.counts(session)}


def state(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        **row(session, container_id),
        "container": containers.get(session, container_id),
        "connection": connections.active(session, container_id),
        "migration": protocol_migrations.open_of(session, container_id),
    }


def connection_table(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {"container_id": container_id, "connections": connections.of_container(session, container_id)}


def waiting_at(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    active = connections.active(session, container_id)
    found = waiting.of_connection(session, active.id) if active is not None else []
    return {"subject_id": container_id, "waiting": found}


def actions(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container": container,
        "obstacles": obstacles(session, container),
        "hold": connection_actions.hold_of(session, container_id),
        "actions": connection_actions.of_container(session, container_id),
    }


def progress(session: Session, fleet_action_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "fleet": fleet_actions.get(session, fleet_action_id),
        "progress": fleet_actions.progress(session, fleet_action_id),
        "parts": fleet_actions.parts(session, fleet_action_id),
    }
