"""What the page of an incident and the page behind its link both show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response, stream_with_context

from app.extensions import db
from app.queries import connections, incidents
from app.queries import incident_contents as contents
from app.web import exports
from app.web.filters import short

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping

    from app.models import Incident


def context(incident: Incident, before: uuid.UUID | None) -> Mapping[str, Any]:
    """Load what its templates show."""
    session = db.session()
    found = contents.messages(session, incident, before=before)
    return {
        "incident": incident,
        "before": before,
        "found": found,
        "names": connections.container_names(session, {each.connection_id for each in found.records}),
        "states": contents.states(session, incident),
        "changes": contents.configuration_changes(session, incident),
        "migrations": contents.migrations(session, incident),
        "most": contents.MOST,
    }


def file(incident: Incident) -> Response:
    """Answer with all of it as NDJSON, a line for each thing; messages the newest first, of any number."""
    headers = {"Content-Disposition": f'attachment; filename="incident-{incident.id}.ndjson"'}
    return Response(
        stream_with_context(_lines(incident.id)), mimetype=exports.TYPES["ndjson"], headers=headers
    )


def _lines(incident_id: uuid.UUID) -> Iterator[str]:
    session = db.session()  # of the stream: the one that the request was answered with is gone by now
    incident = incidents.get(session, incident_id)
    yield _line("incident", _about(incident))
    for note in incident.notes:
        yield _line("note", {"at": note.at, "author": short(note.author), "text": note.text})
    for state in contents.states(session, incident):
        row = {name: getattr(state.transition, name) for name in ("at", "from_status", "to_status", "reason")}
        yield _line("state", {"container": state.container, "connection_id": state.connection_id, **row})
    containers = {each.id: each.name for each in incident.containers}
    for event in contents.configuration_changes(session, incident):
        changed = {name: [old, new] for name, old, new in event.changes}
        about = {"at": event.at, "by": short(event.actor), "container": containers.get(event.subject_id)}
        yield _line("configuration change", {**about, "reason": event.reason, "changed": changed})
    for migration in contents.migrations(session, incident):
        names = ("started_at", "completed_at", "from_protocol", "to_protocol", "phase", "success", "reason")
        row = {name: getattr(migration, name) for name in (*names, "error_message", "rollback")}
        yield _line("protocol migration", {"container": migration.container.name, **row})
    yield from exports.records(
        lambda before: contents.messages(session, incident, before=before, limit=exports.PAGE),
        lambda row: _line("message", row),
    )


def _about(incident: Incident) -> dict[str, Any]:
    names = ("title", "created_at", "begins_at", "ends_at", "filter", "expires_at")
    about = {name: getattr(incident, name) for name in names}
    containers = None if incident.whole_fleet else [each.name for each in incident.containers]
    return {**about, "created_by": short(incident.created_by), "containers": containers}


def _line(kind: str, row: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **row}, ensure_ascii=False, default=exports.plain) + "\n"
