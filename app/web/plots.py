"""Plots drawn on the server: what a page's SVG consists of, as plain numbers and paths.

`templates/plots/_macros.html` writes them as markup. Lines differ by dashes and bear their names, bars are
hatched, so that nothing is told by colour alone; a table with the same numbers stands behind the plots.
Coordinates are those of the view box, rounded to a tenth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from app.web.plot_flags import flags_of, lines_of, said
from app.web.plot_shapes import Bar, Drawn, Level, Moment, Shade, Slot, Tick

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.web.plot_flags import Flag, Line, Marked
    from app.web.plot_shapes import Series

WIDTH: Final = 420
HEIGHT: Final = 160
LEFT, RIGHT, TOP, BOTTOM = 40, 36, 10, 20
"""Margins: numbers stand on the left, names of lines on the right, times below."""
MOST_DASHES: Final = 4
_GRID_LINES: Final = 4
_TIME_LABELS: Final = 6
_DAYS: Final = 172_800
"""Seconds: plots of more than two days name days, others the time of day."""
MOST_SLOTS: Final = 120
"""Columns that can be pointed at; more would be too narrow, and the table has them."""
_NAME_HEIGHT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Series over the same times. `links`, if any, has an address for each time.

    `identifier` is unique in its page, `title` says what is shown, `unit` what the numbers are. `level` is a
    value to be held against them, `shaded` has the first and last places of marked times, `notes` stand at
    moments.
    """

    identifier: str
    title: str
    unit: str
    times: Sequence[dt.datetime]
    series: Sequence[Series]
    kind: Literal["lines", "area", "bars"] = "lines"
    links: Sequence[str | None] = ()
    level: float | None = None
    shaded: Sequence[tuple[int, int]] = ()
    notes: Sequence[Marked] = ()

    @property
    def greatest(self) -> float:
        """The greatest value, the level included; 0 where there is none."""
        values = [value for each in self.series for value in each.values if value is not None]
        return max((*values, self.level or 0.0))

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return all(value is None for each in self.series for value in each.values)

    @property
    def description(self) -> str:
        """What the plot shows, for those who do not see it."""
        return f"{self._numbers_in_words} {said(self.notes)}".strip()

    @property
    def note_lines(self) -> Sequence[Line]:
        """The lines of the notes, each at its moment."""
        return lines_of(self.notes, LEFT, WIDTH - RIGHT)

    @property
    def note_flags(self) -> Sequence[Flag]:
        """The numbers of the notes, above the lines."""
        return flags_of(self.notes, LEFT, WIDTH - RIGHT)

    def noted(self, place: int) -> Sequence[int]:
        """Return the numbers of the notes within the time that begins there, the earliest first."""
        count = len(self.times)
        return [each.number for each in reversed(self.notes) if int(each.share * count) == place]

    @property
    def ticks(self) -> Sequence[Tick]:
        """The numbers on the left: round ones, from 0 to above the greatest value."""
        step = self._step
        count = max(1, math.ceil(round(self.greatest / step, 9)))
        return [Tick(self._y(step * place), written(step * place)) for place in range(count + 1)]

    @property
    def moments(self) -> Sequence[Moment]:
        """The times below, at most so many that they stand apart."""
        every = max(1, math.ceil(len(self.times) / _TIME_LABELS))
        days = bool(self.times) and (self.times[-1] - self.times[0]).total_seconds() > _DAYS
        how, form = ("day", "%-d %b") if days else ("clock", "%H:%M")
        return [
            Moment(self._middle(place), at, how, at.strftime(form))
            for place, at in list(enumerate(self.times))[::every]
        ]

    @property
    def line(self) -> Level | None:
        """Where the level is, if there is one."""
        return None if self.level is None else Level(self._y(self.level), written(self.level))

    @property
    def shades(self) -> Sequence[Shade]:
        """Where the marked times are."""
        width = self._slot()
        return [
            Shade(_tenth(LEFT + width * first), max(1.0, _tenth(width * (last - first + 1))))
            for first, last in self.shaded
        ]

    @property
    def slots(self) -> Sequence[Slot]:
        """The columns of the times, each with its numbers in words, where there are not too many."""
        if len(self.times) > MOST_SLOTS:
            return ()
        width = self._slot()
        return [
            Slot(_tenth(LEFT + width * place), _tenth(width), self.words(place), self._link(place))
            for place in range(len(self.times))
        ]

    @property
    def drawn(self) -> Sequence[Drawn]:
        """The series as paths and bars, with the places of their names kept apart."""
        names = self._name_places()
        return [self._draw(number, each, names.get(number)) for number, each in enumerate(self.series)]

    def words(self, place: int) -> str:
        """Say the numbers of a time."""
        said = [
            f"{each.name} {written(value)}" if len(self.series) > 1 else f"{written(value)}"
            for each in self.series
            if (value := each.values[place]) is not None
        ]
        return f"{', '.join(said) or 'nothing'} {self.unit if said else ''}".strip()

    @property
    def _numbers_in_words(self) -> str:
        if self.empty:
            return f"{self.title}: nothing in this range."
        parts = [f"{each.name} up to {written(_peak(each))}" for each in self.series if _has(each)]
        return f"{self.title}, in {self.unit}: {', '.join(parts)}."

    @property
    def _step(self) -> float:
        """What is between two numbers on the left; bars count things, of which there are no halves."""
        step = _round_step(self.greatest)
        return max(step, 1.0) if self.kind == "bars" else step

    def _link(self, place: int) -> str | None:
        return self.links[place] if self.links else None

    def _draw(self, number: int, series: Series, name_at: tuple[float, float] | None) -> Drawn:
        dash = number % MOST_DASHES
        if self.kind == "bars":
            return Drawn(series.name, dash, "", "", (), self._bars(series), None)
        runs = self._runs(series)
        path = "".join(_line(run) for run in runs if len(run) > 1)
        base = self._y(0)
        area = "".join(_area(run, base) for run in runs if len(run) > 1) if self.kind == "area" else ""
        return Drawn(series.name, dash, path, area, [run[0] for run in runs if len(run) == 1], (), name_at)

    def _bars(self, series: Series) -> Sequence[Bar]:
        width, base = self._slot(), self._y(0)
        return [
            Bar(
                _tenth(LEFT + width * (place + 0.1)),
                self._y(value),
                _tenth(width * 0.8),
                _tenth(base - self._y(value)),
            )
            for place, value in enumerate(series.values)
            if value
        ]

    def _runs(self, series: Series) -> list[list[tuple[float, float]]]:
        """Return the points of a series; where a value is missing a new run begins."""
        runs: list[list[tuple[float, float]]] = [[]]
        for place, value in enumerate(series.values):
            if value is not None:
                runs[-1].append((self._middle(place), self._y(value)))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    def _name_places(self) -> dict[int, tuple[float, float]]:
        """Place the names of several lines behind their last values, the upper ones pushed up."""
        if self.kind == "bars" or len(self.series) == 1:
            return {}
        last = {number: runs[-1][-1] for number, each in enumerate(self.series) if (runs := self._runs(each))}
        places, free = {}, float(HEIGHT - BOTTOM)
        for number, (x, y) in sorted(last.items(), key=lambda item: (-item[1][1], item[0])):
            at = min(y + 4, free)
            places[number] = (_tenth(x + 5), _tenth(at))
            free = at - _NAME_HEIGHT
        return places

    def _slot(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(1, len(self.times))

    def _middle(self, place: int) -> float:
        return _tenth(LEFT + self._slot() * (place + 0.5))

    def _y(self, value: float) -> float:
        step = self._step
        top = step * max(1, math.ceil(round(self.greatest / step, 9)))
        return _tenth(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def written(value: float) -> str:
    """Write a number as people read it: three figures, thousands apart."""
    if value >= 100 or value == int(value):  # noqa: PLR2004 - three figures
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _round_step(greatest: float) -> float:
    """Return a step of 1, 2 or 5 times a power of ten, of which at most so many make the greatest value."""
    if greatest <= 0:
        return 1.0
    rough = greatest / _GRID_LINES
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * each for each in (1, 2, 5) if power * each >= rough * (1 - 1e-9)), power * 10)


def _peak(series: Series) -> float:
    return max(value for value in series.values if value is not None)


def _has(series: Series) -> bool:
    return any(value is not None for value in series.values)


def _tenth(number: float) -> float:
    return round(number, 1)


def _line(run: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in run)


def _area(run: Sequence[tuple[float, float]], base: float) -> str:
    return f"{_line(run)}L{run[-1][0]:g} {base:g}L{run[0][0]:g} {base:g}Z"
