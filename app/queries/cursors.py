"""Cursors: the place of a row in a list, opaque to people, and hostile until it is read."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONGEST: Final = 1000
"""Characters of a cursor; a name has 100."""
NOT_ONE: Final = "it is not one of this list and order; start at its first page"
BIGGEST: Final = 2**31 - 1
"""The greatest number in a cursor."""


def write(sort: str, key: Sequence[Any]) -> str:
    """Write a cursor of a sort's value and a row's id; `read` alone takes it apart."""
    values = [value if isinstance(value, str | int) else str(value) for value in key]
    text = json.dumps([sort, *values], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, sort: str, kinds: Sequence[type]) -> list[Any]:
    """Return the values of some kinds that a cursor was written with.

    Raises:
        Invalid: it is no cursor, or one of another list or order.
    """
    try:
        said = zip((str, *kinds), _decode(cursor), strict=True)
        name, *values = [_READ[kind](value) for kind, value in said]
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Invalid("cursor", NOT_ONE) from error
    if name != sort:
        raise Invalid("cursor", NOT_ONE)
    return values


def _decode(cursor: str) -> Any:
    if len(cursor) > LONGEST:
        raise ValueError(cursor)
    return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    value.encode()  # a lone half of a surrogate pair is no text
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -BIGGEST <= value <= BIGGEST:
        raise ValueError(value)
    return value


def _moment(value: object) -> dt.datetime:
    moment = dt.datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment


_READ: Final[Mapping[type, Callable[[object], Any]]] = {
    str: _text,
    int: _int,
    dt.datetime: _moment,
    uuid.UUID: lambda value: uuid.UUID(_text(value)),
}
