"""What a plot is made of: the series that are given, and the shapes that its SVG has of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Series:
    """A line, an area or bars: a value for each of the plot's times, None where there is none."""

    name: str
    values: Sequence[float | None]


class Tick(NamedTuple):
    """A label, and where it stands along its axis."""

    place: float
    text: str


class Moment(NamedTuple):
    """A time, where it stands along the axis, and how it is written: `clock` or `day`, here in UTC."""

    place: float
    at: dt.datetime
    how: str
    text: str


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Drawn(NamedTuple):
    """A series as it is drawn: `dash` 0 is a plain line, `dots` are values without neighbours."""

    name: str
    dash: int
    path: str
    area: str
    dots: Sequence[tuple[float, float]]
    bars: Sequence[Bar]
    name_at: tuple[float, float] | None


class Level(NamedTuple):
    """A value that is drawn as a line across, and how it is written."""

    y: float
    text: str


class Shade(NamedTuple):
    """Columns that are marked, from one's left to another's right."""

    x: float
    width: float


class Slot(NamedTuple):
    """The column of a time: where it is, and where it leads."""

    x: float
    width: float
    words: str
    href: str | None
