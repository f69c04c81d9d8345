"""What the list of connections is narrowed to: read from a URL, and as conditions of a statement."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import DateTime, bindparam

from app.models import AcpConnection, Container
from app.protocol.end_kinds import SIDES, of_word
from app.protocol.states import ConnectionStatus, Protocol
from app.queries.ends import ended_as
from app.queries.fixed import fixed
from app.queries.moments import read
from app.queries.past import TRANSPORT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import ColumnElement

ANY_TIME: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Stands for a time of a filter in a statement that is kept; the time itself is passed beside it."""
PARAMETERS: Final = ("q", "status", "protocol", "by", "kind", "since", "until", "order")
"""Of a URL: what the list is narrowed to, and its order."""
_WORDS: Final[Mapping[str, Collection[str]]] = {
    "status": frozenset(ConnectionStatus),
    "protocol": frozenset(Protocol),
    "by": frozenset(SIDES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFilter:
    """What the list is narrowed to; what is empty narrows nothing.

    `text` is words in the container's name. `since` and `until` bound when the state has changed; `kind` (a
    word of `end_kinds`) and `by` (us, peer, network) say how it was lost or ended within these bounds.
    """

    text: str = ""
    status: str = ""
    protocol: str = ""
    kind: str = ""
    by: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, str | None]) -> ConnectionFilter:
        """Read it from parameters of a URL; what it does not know narrows nothing."""
        given = {name: (arguments.get(name) or "").strip() for name in (*PARAMETERS, "kind")}
        known = {name: given[name] if given[name] in words else "" for name, words in _WORDS.items()}
        kind = given["kind"] if of_word(given["kind"]) else ""
        times = {name: read(given[name]) for name in ("since", "until")}
        return cls(text=given["q"], kind=kind, **known, **times)  # type: ignore[arg-type]


def without_times(narrowed: ConnectionFilter) -> ConnectionFilter:
    """Leave only that there are times: they are passed beside the statement, which so stays the same."""
    since, until = (None if each is None else ANY_TIME for each in (narrowed.since, narrowed.until))
    return replace(narrowed, since=since, until=until)


def conditions(narrowed: ConnectionFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what a statement is narrowed by; its times are the parameters `since` and `until`."""
    for word in narrowed.text.split():
        yield Container.name.icontains(word, autoescape=True)
    if narrowed.status:
        yield AcpConnection.status == fixed(narrowed.status)
    if narrowed.protocol:
        yield narrowed.protocol == TRANSPORT
    times = {
        name: None if getattr(narrowed, name) is None else bindparam(name, type_=DateTime(timezone=True))
        for name in ("since", "until")
    }
    yield from ended_as(narrowed.kind, narrowed.by, times["since"], times["until"])
