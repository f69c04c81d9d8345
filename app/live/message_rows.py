"""Rows of messages, kept: a record never changes, so that what it looks like is worked out once.

A page reads which records it shows, and the records themselves only where their rows are not kept; a live
update has the whole record, and leaves its row for the pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask import current_app
from markupsafe import Markup

from app.live.lines import keep
from app.live.runs import chunk
from app.models import AcpMessage
from app.queries import messages

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.live.runs import Chunk
    from app.queries.message_keys import Key


class Row(NamedTuple):
    """A record as a list shows it, and what a run of several needs of it."""

    id: uuid.UUID
    at: dt.datetime
    of: str | None
    chunk: Chunk | None
    html: Markup


class _Shown(NamedTuple):
    """All that a row depends on: the record, and its container's name; None where a list shows none."""

    id: uuid.UUID
    of: str | None


def rows(
    session: Session,
    records: Sequence[AcpMessage | Key],
    names: Mapping[uuid.UUID, str | None] | None = None,
) -> Sequence[Row]:
    """Return the rows of some records in their order; `names` are their containers', by connection.

    A record that has been removed meanwhile has none.
    """

    def make(missing: Sequence[_Shown]) -> Mapping[_Shown, Row]:
        known = {each.id: each for each in records if isinstance(each, AcpMessage)}
        unread = [each.id for each in missing if each.id not in known]
        known |= {each.id: each for each in messages.of_ids(session, unread)} if unread else {}
        return {each: _row(known[each.id], each.of) for each in missing if each.id in known}

    shown = [
        _Shown(each.id, None if names is None else names.get(each.connection_id) or "–") for each in records
    ]
    return keep("messages", shown, make, size=lambda row: len(row.html))


def _row(record: AcpMessage, of: str | None) -> Row:
    piece = chunk(record)
    about: dict[str, Any] = {"message": record, "piece": piece, "of": of}
    html = current_app.jinja_env.get_template("messages/_row.html").render(about)
    return Row(record.id, record.timestamp, of, piece, Markup(html.strip()))  # noqa: S704 - a template's output
