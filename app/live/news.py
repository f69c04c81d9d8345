"""What the hub hands to viewers. Each kind says which text a viewer gets of it, if any."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINNING: Final = uuid.UUID(int=0)
"""The cursor before every record."""


MOST_SHOWN: Final = 200
"""Containers that a list may show; a page has 50."""


class Word(msgspec.Struct):
    """What a browser says when its socket opens, when its list changes, and when it wants to be caught up."""

    after: uuid.UUID | None = None
    shows: Annotated[frozenset[uuid.UUID], msgspec.Meta(max_length=MOST_SHOWN)] | None = None


@dataclass(slots=True)
class Place:
    """Where a viewer is: the last record that it has, and the containers that its list shows.

    Records come in the order of their ids within a connection only: `cursors` has the last of each that came
    live, `cursor` stands for the others.
    """

    cursor: uuid.UUID = BEGINNING
    shows: frozenset[uuid.UUID] = frozenset()
    cursors: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    def move(self, word: Word) -> None:
        """Take the place that the browser says: after a pause it is behind what it was sent meanwhile."""
        if word.after is not None:
            self.cursor = word.after
            self.cursors.clear()
        if word.shows is not None:
            self.shows = word.shows

    def lacks(self, line: Line) -> bool:
        """Tell whether a record is one that the viewer does not have yet."""
        return line.id > self.cursors.get(line.connection_id, self.cursor)

    def take(self, lines: Sequence[Line]) -> None:
        """Move on behind records, the newest first."""
        for line in reversed(lines):
            self.cursors[line.connection_id] = line.id


class News(Protocol):
    """Something to tell viewers."""

    def text(self, place: Place) -> str | None:
        """Return what a viewer at a place is sent, or None; moves its cursor on."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fragment whose root element replaces the one with its id."""

    html: str

    def text(self, _place: Place) -> str | None:
        return self.html


@dataclass(frozen=True, slots=True)
class Row:
    """A container's line, for those whose list shows it; `html` is a script's signal once it is removed."""

    container_id: uuid.UUID
    html: str

    def text(self, place: Place) -> str | None:
        return self.html if self.container_id in place.shows else None


class Line(NamedTuple):
    """A record as a row of a timeline."""

    id: uuid.UUID
    connection_id: uuid.UUID
    html: str


@dataclass(frozen=True, slots=True)
class Records:
    """Timeline rows, the newest first, and a row that stands above them in the place of more."""

    rows: Sequence[Line]
    skipped: str = ""
    _all: str = field(init=False)
    _first: Sequence[Line] = field(init=False)

    def __post_init__(self) -> None:
        # Joined once: nearly every viewer of a topic is at the same place and gets the same text.
        object.__setattr__(self, "_all", self._envelope(self.rows))
        object.__setattr__(self, "_first", tuple({row.connection_id: row for row in self.rows}.values()))

    def text(self, place: Place) -> str | None:
        # Who lacks the first record of each connection lacks them all, and is not asked about every one.
        lacks_all = all(place.lacks(row) for row in self._first)
        lacking = self.rows if lacks_all else [row for row in self.rows if place.lacks(row)]
        if not lacking:
            return None
        place.take(lacking)
        return self._all if len(lacking) == len(self.rows) else self._envelope(lacking)

    def _envelope(self, rows: Sequence[Line]) -> str:
        # Whoever has some of the rows has what is older, too.
        older = self.skipped if len(rows) == len(self.rows) else ""
        html = "".join(row.html for row in reversed(rows))  # a page has the newest below
        return f'<ol hx-swap-oob="beforeend:#timeline-rows">{older}{html}</ol>'


@dataclass(frozen=True, slots=True)
class Signal:
    """Something for `live.js` itself: whether the database answers, or how much was caught up."""

    said: dict[str, Any]

    def text(self, _place: Place) -> str | None:
        return json.dumps(self.said)
