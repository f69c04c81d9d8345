"""Messages as a file of any length, NDJSON or CSV, the newest first.

What is stored is redacted already, so a file shows no more than the pages do.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import TYPE_CHECKING, Any, Final

from app.extensions import db
from app.queries import connections, message_search
from app.queries.message_filter import fixed, write

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.models import AcpMessage
    from app.queries.message_filter import Term
    from app.queries.message_search import Found

    Row = dict[str, Any]

COLUMNS: Final = (
    *("id", "timestamp", "container", "connection_id", "seq", "direction", "message_type", "rpc_kind"),
    *("method", "rpc_id", "acp_session_id", "reply_to", "caller", "local", "size", "processed"),
    *("processing_time", "error", "error_message", "payload"),
)
PAGE: Final = 1000
"""Records read at once: a file of millions needs no more memory than a short one, and no long transaction."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def stream(form: str, terms: Sequence[Term], before: uuid.UUID | None) -> Iterator[str]:
    """Yield the file of what a filter finds: first the filter itself, then a record a line."""
    head, line = _FORMS[form]
    terms = fixed(terms)
    yield head({"filter": write(terms), "exported_at": dt.datetime.now(dt.UTC)})
    yield from records(
        lambda at: message_search.page(db.session(), terms, before=at, limit=PAGE), line, before
    )


def records(
    page: Callable[[uuid.UUID | None], Found[AcpMessage]],
    line: Callable[[Row], str],
    before: uuid.UUID | None = None,
) -> Iterator[str]:
    """Yield the lines of one page after the other, until there is no older one."""
    while True:
        found = page(before)
        names = connections.container_names(db.session(), {each.connection_id for each in found.records})
        yield "".join(line(_row(each, names)) for each in found.records)
        db.session.rollback()
        if found.older is None:
            return
        before = found.older


def _row(record: AcpMessage, names: Mapping[uuid.UUID, str]) -> Row:
    row = {name: getattr(record, name, None) for name in COLUMNS}
    return row | {"container": names.get(record.connection_id)}


def _ndjson(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, default=plain) + "\n"


def _csv_head(about: Row) -> str:
    comment = ", ".join(f"{name}: {plain(value)}" for name, value in about.items())
    return _csv_line([f"# {comment}"]) + _csv_line(COLUMNS)


def _csv(row: Row) -> str:
    payload = json.dumps(row["payload"], ensure_ascii=False)
    return _csv_line([_cell(value) for value in (row | {"payload": payload}).values()])


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    """Write a value so that no spreadsheet takes a stranger's text for a formula."""
    text = "" if value is None else plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain(value: object) -> str:
    """Write what JSON has no form for."""
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


_FORMS: Final[Mapping[str, tuple[Callable[[Row], str], Callable[[Row], str]]]] = {
    "ndjson": (_ndjson, _ndjson),
    "csv": (_csv_head, _csv),
}
TYPES: Final[Mapping[str, str]] = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
