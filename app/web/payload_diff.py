"""Two payloads side by side: by path, what is only in one of them and what has another value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST: Final = 1000
"""Differences that a page shows."""
DEEPEST: Final = 60
LONGEST: Final = 2000  # characters of one value
_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


class Difference(NamedTuple):
    """A path with its values, as JSON; None where one of the payloads has nothing there."""

    path: str
    left: str | None
    right: str | None

    @property
    def kind(self) -> str:
        """Say in a word what it is."""
        if self.left is None:
            return "added"
        return "removed" if self.right is None else "changed"


class Comparison(NamedTuple):
    """The differences in the left payload's order, how many more there are, and how many values are alike."""

    differences: Sequence[Difference]
    same: int
    omitted: int


def compare(left: Any, right: Any) -> Comparison:
    """Compare two payloads value by value."""
    same = 0
    found: list[Difference] = []
    for path, one, other in _pairs("", left, right, 0):
        if one is not _NOTHING and other is not _NOTHING and _equal(one, other):
            same += 1
        else:
            found.append(Difference(path or "(whole)", _text(one), _text(other)))
    return Comparison(found[:MOST], same, len(found[MOST:]))


_NOTHING: Final = object()


def _pairs(path: str, left: Any, right: Any, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield each path at which one of the two has a value without others in it."""
    if depth < DEEPEST and isinstance(left, dict) and isinstance(right, dict) and (left or right):
        for name in [*left, *(each for each in right if each not in left)]:
            inner = f"{path}.{name}".lstrip(".") if _PLAIN.fullmatch(name) else f"{path}[{json.dumps(name)}]"
            yield from _pairs(inner, left.get(name, _NOTHING), right.get(name, _NOTHING), depth + 1)
    elif depth < DEEPEST and isinstance(left, list) and isinstance(right, list) and (left or right):
        for place in range(max(len(left), len(right))):
            one, other = (each[place] if place < len(each) else _NOTHING for each in (left, right))
            yield from _pairs(f"{path}[{place}]", one, other, depth + 1)
    else:
        yield path, left, right


def _equal(left: Any, right: Any) -> bool:
    """Compare as JSON does, in which true is not 1."""
    return type(left) is type(right) and bool(left == right)


def _text(value: Any) -> str | None:
    if value is _NOTHING:
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
