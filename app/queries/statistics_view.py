"""Which statistics somebody asks for: read from an address or a command, written back to one."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from app.errors import Invalid
from app.protocol.states import MessageType, Protocol
from app.queries import spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.queries.spans import Span

GROUPS: Final = ("method", "type", "container", "connection", "protocol")
SORTS: Final = ("messages", "errors", "rate", "bytes", "p50", "p95", "p99")
DEFAULT_RANGE: Final = "1h"
LONGEST_WORD: Final = 300
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "last": tuple(spans.PRESETS),
    "by": GROUPS,
    "sort": SORTS,
    "type": ("", *MessageType),
    "protocol": ("", *Protocol),
    "whole": ("", "1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A range, a grouping and what both are narrowed to; words that are empty narrow nothing.

    `last` is a preset and counts where `begin` is empty; `begin` and `end` are times in UTC as people write
    them.
    `whole` asks for every group instead of the first ones.
    """

    last: str = DEFAULT_RANGE
    begin: str = ""
    end: str = ""
    by: str = "method"
    sort: str = "messages"
    container: str = ""
    connection: str = ""
    method: str = ""
    type: str = ""
    protocol: str = ""
    whole: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> View:
        """Read the parameters of an address; unknown ones are not ours.

        Raises:
            Invalid: one has a value that it cannot have.
        """
        words = {each: given.get(_NAMES.get(each, each), "").strip() for each in _FIELDS}
        view = cls(**{name: word for name, word in words.items() if word})
        for name, word in words.items():
            if len(word) > LONGEST_WORD or "\0" in word:
                raise Invalid(_NAMES.get(name, name), "is too long or has control characters")
        for name, choices in _CHOICES.items():
            if getattr(view, name) not in choices:
                raise Invalid(name, f"must be one of {', '.join(each for each in choices if each)}")
        if view.connection:
            _uuid(view.connection)
        view.span(dt.datetime.now(dt.UTC))
        return view

    def span(self, now: dt.datetime) -> Span:
        """Return the range in the steps in which it is shown. Raises Invalid."""
        return spans.span(*self.range(now), now)

    def range(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """Return the range as it was asked for. Raises Invalid."""
        if not self.begin:
            return now - spans.PRESETS[self.last], now
        return _moment("from", self.begin), _moment("to", self.end) if self.end else now

    @property
    def moves(self) -> bool:
        """Whether its range goes on with time."""
        return not (self.begin and self.end)

    @property
    def connection_id(self) -> uuid.UUID | None:
        return _uuid(self.connection) if self.connection else None

    @property
    def of_some(self) -> bool:
        """Whether it is about some connections, so that the fleet's figures do not tell."""
        return bool(self.container or self.connection or self.by in {"container", "connection"})

    def in_url(self, **changes: Any) -> dict[str, str]:
        """Return it as parameters of an address, without what goes without saying."""
        view = replace(self, **changes)
        if view.begin:
            view = replace(view, last=DEFAULT_RANGE)
        plain = View()
        return {
            _NAMES.get(name, name): getattr(view, name)
            for name in _FIELDS
            if getattr(view, name) != getattr(plain, name)
        }


_FIELDS: Final = tuple(each.name for each in fields(View))
_NAMES: Final[Mapping[str, str]] = {"begin": "from", "end": "to"}
"""Where a parameter has a name that is a word of Python."""


def _moment(name: str, written: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(written)
    except ValueError:
        raise Invalid(name, "must be a time such as 2026-11-24T10:00") from None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("connection", "must be a connection's id") from None
