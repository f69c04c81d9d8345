"""The colours of the design: in both themes, every ink can be read on every ground it is used on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[2] / "static" / "tokens.css").read_text()
GROUNDS = ("ground", "surface", "surface-2")
INKS = ("ink", "ink-2", "accent", "good", "warn", "bad", "calm", "info", "note")
ON_TINT = (
    *((name, f"{name}-bg") for name in ("good", "warn", "bad", "info", "note")),
    *(("ink", f"{name}-bg") for name in ("good", "warn", "bad", "info", "note")),
    ("accent-2", "info-bg"),  # the entry of the menu that is open
    ("accent-ink", "accent"),
    ("accent-ink", "accent-2"),  # a button under the pointer
    ("note", "mark-bg"),
)
READABLE, VISIBLE = 4.5, 3.0  # WCAG 2.2: 1.4.3 for text, 1.4.11 for the edges of controls


def _colours(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{(.*?)\}}', TOKENS, re.DOTALL)
    assert block
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str) -> None:
    colours = _colours(theme)
    pairs = [(ink, ground) for ink in INKS for ground in GROUNDS] + list(ON_TINT)
    found = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < READABLE} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fields_and_the_focus_can_be_seen(theme: str) -> None:
    colours = _colours(theme)
    pairs = [(name, ground) for name in ("edge", "focus") for ground in GROUNDS]
    found = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < VISIBLE} == {}
