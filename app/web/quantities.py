"""How quantities look, everywhere the same: counts, lengths of time, bytes, parts of a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask import Flask

KIBI: Final = 1024
MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def register(app: Flask) -> None:
    app.add_template_filter(grouped)
    app.add_template_filter(counted)
    app.add_template_filter(duration)
    app.add_template_filter(milliseconds)
    app.add_template_filter(size)
    app.add_template_filter(percent)
    app.add_template_filter(difference)


def grouped(number: int) -> str:
    """Write a whole number, its thousands apart."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Write how many there are of something whose plural ends in s."""
    return f"{grouped(number)} {noun}" if number == 1 else f"{grouped(number)} {noun}s"


def duration(seconds: float) -> str:
    """Write a number of seconds in units that fit, with three figures at most."""
    milliseconds = seconds * 1000
    if milliseconds < 9.95:  # noqa: PLR2004 - what would be written as 10.0
        return f"{f'{milliseconds:.1f}'.removesuffix('.0')} ms"
    if milliseconds < 999.5:  # noqa: PLR2004 - what would be written as 1000
        return f"{milliseconds:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.3g} s"
    if seconds < HOUR:
        return _units(f"{seconds // MINUTE:.0f} min", f"{seconds % MINUTE:.0f} s")
    if seconds < DAY:
        return _units(f"{seconds // HOUR:.0f} h", f"{seconds % HOUR // MINUTE:.0f} min")
    return _units(f"{seconds // DAY:.0f} d", f"{seconds % DAY // HOUR:.0f} h")


def milliseconds(value: float | None) -> str:
    """Write a number of milliseconds as `duration` does; a dash where there is none."""
    return "–" if value is None else duration(value / 1000)


def size(count: int) -> str:
    """Write a number of bytes, however many, with three figures at most."""
    power = min((max(count, 1).bit_length() - 1) // 10, len(_UNITS) - 1)
    number = count / KIBI**power
    figures = f"{number:.3g}" if number < 999.5 else f"{number:,.0f}"  # noqa: PLR2004 - as above
    return f"{figures} {_UNITS[power]}"


def percent(part: float) -> str:
    """Write a part of a whole; a part that is there is never written as 0 %."""
    if 0 < part < 0.001:  # noqa: PLR2004 - a tenth of a percent
        return "< 0.1 %"
    return f"{part * 100:.1f} %" if part else "0 %"


def difference(new: float | None, old: float | None) -> str:
    """Write how much greater or smaller a value is than another; a dash where that says nothing."""
    if new is None or not old:
        return "–"
    change = (new - old) / old * 100
    return "±0 %" if abs(change) < 0.5 else f"{change:+,.0f} %".replace("-", "−")  # noqa: PLR2004, RUF001


def _units(great: str, small: str) -> str:
    return great if small.startswith("0 ") else f"{great} {small}"
