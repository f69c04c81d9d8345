"""The waves of a rollout: how many containers each has, and which of them go first."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

MOST_WAVES: Final = 50
WHOLE: Final = 100
_STEP: Final = re.compile(r"(\d{1,7})(\.\d+)?\s*(%?)")


class Step(NamedTuple):
    """How far a rollout has come after a wave: so many containers in all, or percent of the selection."""

    amount: float
    percent: bool

    def of(self, total: int) -> int:
        """Return how many of a selection that is, rounded up."""
        return min(total, math.ceil(total * self.amount / WHOLE) if self.percent else int(self.amount))

    def __str__(self) -> str:
        return f"{self.amount:g} %" if self.percent else f"{self.amount:g}"


def parse(text: str) -> tuple[Step, ...]:
    """Read steps as people write them: `1, 10 %, 50 %, 100 %`. Each says how far it goes in all.

    Raises:
        Invalid: it is no such list, or it does not grow.
    """
    steps = tuple(_step(part.strip()) for part in text.split(",") if part.strip())
    if not 1 <= len(steps) <= MOST_WAVES:
        raise Invalid("waves", f"write 1 to {MOST_WAVES} steps, such as 1, 10 %, 50 %, 100 %")
    for kind in (True, False):
        amounts = [each.amount for each in steps if each.percent is kind]
        if amounts != sorted(set(amounts)):
            raise Invalid(
                "waves", "each step says how far it goes in all, so it has to be more than the last"
            )
    return steps


def _step(text: str) -> Step:
    found = _STEP.fullmatch(text)
    amount = float(found[1] + (found[2] or "")) if found else 0.0
    percent = bool(found and found[3])
    if found is None or not amount or (percent and amount > WHOLE) or (not percent and found[2]):
        raise Invalid("waves", f"{text!r} is no step; write a number of containers, or percent such as 10 %")
    return Step(amount, percent)


def sizes(steps: Sequence[Step], total: int, canaries: int = 0) -> list[int]:
    """Return how many containers each wave has; a wave that would have none is left away.

    The last wave has all that are left, whatever the last step says. Canaries chosen by hand are a first wave
    of their own, and the steps go on from there.
    """
    found = [canaries] if canaries else []
    for step in steps:
        found.append(max(0, step.of(total) - sum(found)))
    found.append(total - sum(found))
    return [each for each in found if each > 0]


def representatives(features: Mapping[str, Sequence[Hashable]], number: int) -> list[str]:
    """Choose some of many so that they represent them all; `features` has what each is, by its name.

    One is added at a time: the one whose features are furthest behind the share that they have in the whole,
    of several the one with more that is not there yet, and then the first by name. So what most containers
    have comes first, and rare kinds as soon as their share is due.
    """
    left = sorted(features)
    shares = (
        {each: count / len(left) for each, count in Counter(_all(features, left)).items()} if left else {}
    )
    chosen: list[str] = []
    had: Counter[Hashable] = Counter()
    while left and len(chosen) < number:
        behind = {each: share * (len(chosen) + 1) - had[each] for each, share in shares.items()}
        best = max(left, key=lambda name: _due(features[name], behind, had))
        left.remove(best)
        chosen.append(best)
        had.update(features[best])
    return chosen


def _due(
    features: Sequence[Hashable], behind: Mapping[Hashable, float], had: Mapping[Hashable, int]
) -> tuple[float, int]:
    """Return how far behind some features are, and of the same how many are not there at all yet."""
    return round(sum(behind[each] for each in features), 6), sum(not had[each] for each in features)


def _all(features: Mapping[str, Sequence[Hashable]], names: Sequence[str]) -> list[Hashable]:
    return [feature for name in names for feature in features[name]]
