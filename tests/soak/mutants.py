"""Recorded frames, damaged in the ways in which strangers damage them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

FOLDER = Path(__file__).parents[1] / "frames"
LONGEST = 4000
"""Characters of a recorded frame that is used: the few long ones would be most of the time."""
MOST_DAMAGES = 3
SNIPPETS = (
    *('"', "{", "}", "[", "]", ",", ":", "\\", "null", "1e999", "-0", "NaN", "1" * 400, "\\u0000", "\0"),
    *('"id":7,', '"id":[],', '"method":"session/prompt",', '"params":[],', '"jsonrpc":"1.0",', '"error":{},'),
    *("\\ud83d", "\\ude00", "\ud800", "\ufeff", "\u2028", "\U0010f83d", "é", "[" * 300, '{"a":' * 300),
)


def recorded() -> list[str]:
    """Read the recorded traffic of real agents (wire.md)."""
    lines = [line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    return [text for text in texts if len(text) <= LONGEST]


def mutants(random: Random) -> Iterator[str]:
    """Yield damaged frames for ever, and every now and then a sound one."""
    sound = recorded()
    while True:
        text = random.choice(sound)
        for _ in range(random.randint(0, MOST_DAMAGES)):
            text = random.choice(_DAMAGES)(random, text, random.choice(sound))
        yield text


def _cut(random: Random, text: str, _: str) -> str:
    start, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
    return text[:start] + text[end:]


def _insert(random: Random, text: str, _: str) -> str:
    at = random.randint(0, len(text))
    return text[:at] + random.choice(SNIPPETS) + text[at:]


def _flip(random: Random, text: str, _: str) -> str:
    at = random.randint(0, len(text))
    return text[:at] + chr(random.randint(0, 0x2FF)) + text[at + 1 :]


def _splice(random: Random, text: str, other: str) -> str:
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def _swap(random: Random, text: str, other: str) -> str:
    """Put a member of another frame in, so that the text stays JSON."""
    try:
        frame, members = json.loads(text), json.loads(other)
    except ValueError:
        return text
    if not isinstance(frame, dict) or not isinstance(members, dict):
        return text
    name = random.choice(sorted(members))
    return json.dumps(frame | {name: members[name]})


_DAMAGES: tuple[Callable[[Random, str, str], str], ...] = (_cut, _insert, _flip, _splice, _swap)
