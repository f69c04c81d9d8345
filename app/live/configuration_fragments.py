"""Connection configurations, as pages and live updates show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.live.lines import looked_up
from app.queries import (
    configuration_revisions,
    configuration_trials,
    containers,
)
from app.services.configurations import DEFAULTS, LABELS, ConfigurationValues

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.live.fragments import Parameters
    from app.queries.configuration_revisions import RevisionFilter, RevisionKey

REVISIONS: Final = 50
"""Configuration revisions that a page of the list shows."""


def values(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container": container,
        "values": ConfigurationValues.of(container.configuration).as_dict(),
        "defaults": DEFAULTS.as_dict(),
        "labels": LABELS,
        "latest": configuration_revisions.latest(session, container_id),
    }


def saved(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "container": containers.get(session, container_id),
        "revisions": configuration_revisions.of_container(session, container_id),
        "labels": LABELS,
    }


def tried(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    return {
        "container_id": container_id,
        "trials": configuration_trials.of_container(session, container_id),
        "labels": LABELS,
    }


def listed(
    session: Session, narrowed: RevisionFilter, query: Parameters, *, before: uuid.UUID | None = None
) -> Mapping[str, Any]:
    found = configuration_revisions.keys(session, narrowed, before=before, limit=REVISIONS + 1)

    def load(missing: Sequence[RevisionKey]) -> Mapping[RevisionKey, Mapping[str, Any]]:
        rows = configuration_revisions.of_keys(session, missing)
        return {key: {"row": row, "labels": LABELS} for key, row in rows.items()}

    shown = found[:REVISIONS]
    return {
        "rows": looked_up("configuration_revisions/_row.html", shown, load),
        "older": shown[-1].id if len(found) > REVISIONS else None,
        "query": dict(query),
        "before": before,
    }
