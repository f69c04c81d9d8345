"""Notes on plots as they are drawn: a line at each note's moment, and flags with their numbers above.

What would stand too close together has one flag with the numbers from one to the other (`3–5`), so that none
covers another, while each line stays at its moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from flask import Flask

    from app.queries.plot_notes import Noted, Numbered

CHARACTER: Final = 7.5
"""Of a flag's text; flags are measured in units of the plot."""
PADDING: Final = 5.0
GAP: Final = 1.0
STRIP: Final = 300
"""How wide the narrowest window makes what has no units of its own, in pixels."""
MOST_SAID: Final = 10
"""Notes that a plot's description names; the list beside it has all."""
LONGEST_SAID: Final = 80


class Marked(NamedTuple):
    """A note on a plot: its number, how far along the time (0 to 1), and what it says."""

    number: int
    share: float
    words: str


class Line(NamedTuple):
    """The line of a note, and where it stands."""

    number: int
    x: float


class Flag(NamedTuple):
    """Numbers at one place; `x` is the middle, `number` the first of them.

    `shift` is how far a border has moved it away from the middle of its lines.
    """

    x: float
    width: float
    text: str
    number: int
    shift: float


class Strip(NamedTuple):
    """Lines and flags over a band, their places in percent of its width; what is said of them to all.

    A flag's shift and width are in pixels, so that it stays at its lines however wide the band is.
    """

    lines: Sequence[Line]
    flags: Sequence[Flag]
    words: str


def register(app: Flask) -> None:
    app.add_template_global(note_strip)


def marked(noted: Noted, begin: dt.datetime, end: dt.datetime) -> Sequence[Marked]:
    """Place those notes that lie between two moments, the latest first."""
    whole = (end - begin).total_seconds()
    return [
        Marked(each.number, (each.note.at - begin).total_seconds() / whole, _words(each))
        for each in noted.notes
        if begin <= each.note.at < end
    ]


def note_strip(noted: Noted, begin: dt.datetime, end: dt.datetime) -> Strip:
    """Lay notes out over a band that goes from one moment to another."""
    notes = marked(noted, begin, end)
    lines = [Line(each.number, _percent(each.x)) for each in lines_of(notes, 0, STRIP)]
    flags = [each._replace(x=_percent(each.x - each.shift)) for each in flags_of(notes, 0, STRIP)]
    return Strip(lines, flags, said(notes))


def lines_of(notes: Iterable[Marked], left: float, right: float) -> Sequence[Line]:
    """Return the lines between two borders."""
    return [Line(each.number, round(left + (right - left) * each.share, 1)) for each in notes]


def flags_of(notes: Iterable[Marked], left: float, right: float) -> Sequence[Flag]:
    """Return the flags between two borders, from the left; none touches another."""
    groups: list[list[Line]] = []
    for line in sorted(lines_of(notes, left, right), key=lambda each: (each.x, -each.number)):
        groups.append([line])
        while len(groups) > 1 and _touch(*(_flag(each, left, right) for each in groups[-2:])):
            last = groups.pop()
            groups[-1] += last
    return [_flag(each, left, right) for each in groups]


def said(notes: Sequence[Marked]) -> str:
    """Name notes in a sentence, the latest ones; empty where there are none."""
    if not notes:
        return ""
    more = f"; and {len(notes) - MOST_SAID} more" if len(notes) > MOST_SAID else ""
    return f"Notes: {'; '.join(f'{each.number}, {each.words}' for each in notes[:MOST_SAID])}{more}."


def _words(numbered: Numbered) -> str:
    note = numbered.note
    text = note.text if len(note.text) <= LONGEST_SAID else f"{note.text[: LONGEST_SAID - 1]}…"
    return f"{note.kind} at {note.at:%Y-%m-%d %H:%M} UTC: {text}"


def _flag(lines: Sequence[Line], left: float, right: float) -> Flag:
    numbers = [each.number for each in lines]
    first, last = min(numbers), max(numbers)
    text = str(first) if first == last else f"{first}–{last}"
    width = PADDING + CHARACTER * len(text)
    middle = (lines[0].x + lines[-1].x) / 2
    x = round(min(max(middle, left + width / 2), right - width / 2), 1)
    return Flag(x, width, text, first, round(x - middle, 1))


def _touch(one: Flag, other: Flag) -> bool:
    return one.x + one.width / 2 + GAP > other.x - other.width / 2


def _percent(x: float) -> float:
    return round(x / STRIP * 100, 2)
