"""A timeline's page: which records, the newest first as they are read, and where the older ones begin."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, request, url_for

from app.extensions import db
from app.live.fragments import TIMELINE_ROWS
from app.queries import message_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.queries.message_keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Records of a container or connection; `before` is the cursor in the URL, None for the live end."""

    records: Sequence[Key]
    before: uuid.UUID | None
    older: uuid.UUID | None
    page: str
    rows: str
    live: str

    @classmethod
    def of_container(cls, container_id: uuid.UUID) -> Timeline:
        return cls._read("container", container_id, message_keys.of_container)

    @classmethod
    def of_connection(cls, connection_id: uuid.UUID) -> Timeline:
        return cls._read("connection", connection_id, message_keys.of_connection)

    @classmethod
    def _read(cls, noun: str, subject: uuid.UUID, query: Callable[..., Sequence[Key]]) -> Timeline:
        before = cursor()
        found = query(db.session(), subject, before=before, limit=TIMELINE_ROWS + 1)
        records = found[:TIMELINE_ROWS]
        named: dict[str, Any] = {f"{noun}_id": subject}
        return cls(
            records=records,
            before=before,
            older=records[-1].id if len(found) > TIMELINE_ROWS else None,
            page=url_for(f"{noun}s.show", **named),
            rows=url_for(f"{noun}s.older_messages", **named),
            live=f"/live/{noun}s/{subject}",
        )


def cursor() -> uuid.UUID | None:
    """Return the record before which a page begins, as its URL says. Answers 400 to what is none."""
    text = request.args.get("before")
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        abort(400)
