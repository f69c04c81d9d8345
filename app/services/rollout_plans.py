"""What a rollout would do: whom it is for, who is left out and why, which waves it has and who goes first.

The same is asked three times: for the preview, when the rollout is stored as a draft, and again when it
starts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import Invalid
from app.protocol import rollout_waves
from app.queries import rollout_selection
from app.services import rollout_log

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.rollout_plan import RolloutPlan
    from app.queries.rollout_selection import Candidate

MOST: Final = 20_000
"""Containers of one rollout."""
MOST_CANARIES: Final = 100
"""Containers that are chosen so that they represent the selection; a bigger first wave goes on by name."""
NAMED: Final = 5
"""Names that are told of many."""


class Share(NamedTuple):
    """How common something is: its part of all that take part, and of the canaries (0 to 1)."""

    what: str
    of_all: float
    of_canaries: float


class Preview(NamedTuple):
    """Who takes part, wave by wave in their order; who is left out, by reason; how canaries were chosen."""

    waves: Sequence[Sequence[Candidate]]
    left_out: Mapping[str, Sequence[Candidate]]
    canaries: frozenset[str]
    shares: Sequence[Share]
    """Of what is represented, the most common first; empty where canaries were chosen by hand."""

    @property
    def taking_part(self) -> Mapping[uuid.UUID, str]:
        """The names of all that take part, in the order of their turn."""
        return {each.id: each.name for wave in self.waves for each in wave}

    @property
    def total(self) -> int:
        """How many take part: the number that is typed to confirm."""
        return sum(map(len, self.waves))

    @property
    def digest(self) -> str:
        """What the set is known by again: another set has another one."""
        return digest_of(self.taking_part)


def digest_of(container_ids: Iterable[uuid.UUID]) -> str:
    """Return what a set of containers is known by."""
    listed = sorted(each.bytes for each in container_ids)
    return hashlib.sha256(b"".join(listed)).hexdigest()[:32]


def named(names: Sequence[str]) -> str:
    """Name some of many."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def preview(session: Session, plan: RolloutPlan, *, rollout_id: uuid.UUID | None = None) -> Preview:
    """Say what a plan would do now; stores nothing.

    Raises:
        Invalid: the plan breaks a rule, it finds too many, or a canary takes no part.
    """
    plan.check()
    found = rollout_selection.candidates(session, plan.selection, plan.to_protocol, rollout_id=rollout_id)
    if len(found) > MOST:
        raise Invalid("selection", f"{len(found)} are too many for one rollout; {MOST} are the most")
    taking: list[Candidate] = []
    left_out: dict[str, list[Candidate]] = {}
    for each in found:
        (left_out.setdefault(each.obstacle, []) if each.obstacle else taking).append(each)
    _check_canaries(plan, found)
    steps, features = (
        rollout_waves.parse(plan.waves),
        {each.name: each.features(plan.represent) for each in taking},
    )
    sizes = rollout_waves.sizes(steps, len(taking), len(plan.canaries))
    canaries = list(plan.canaries)
    if not canaries and len(sizes) > 1:
        canaries = rollout_waves.representatives(features, min(sizes[0], MOST_CANARIES))
    order = {name: number for number, name in enumerate(canaries)}
    taking.sort(key=lambda each: (order.get(each.name, len(order)), each.name))
    return Preview(
        waves=_cut(taking, sizes),
        left_out=left_out,
        canaries=frozenset(canaries),
        shares=[] if plan.canaries else _shares(features, canaries),
    )


def _check_canaries(plan: RolloutPlan, found: Sequence[Candidate]) -> None:
    obstacles = {each.name: each.obstacle for each in found}
    for name in plan.canaries:
        if name not in obstacles:
            raise Invalid("canaries", f"{name} is not in the selection")
        if (why := obstacles[name]) is not None:
            raise Invalid("canaries", f"{name} takes no part: {why}")
    if len(set(plan.canaries)) != len(plan.canaries):
        raise Invalid("canaries", "one is named twice")


def _cut(taking: Sequence[Candidate], sizes: Sequence[int]) -> list[Sequence[Candidate]]:
    cut, start = [], 0
    for size in sizes:
        cut.append(taking[start : start + size])
        start += size
    return cut


def _shares(features: Mapping[str, Sequence[str]], canaries: Sequence[str]) -> list[Share]:
    all_of = Counter(word for words in features.values() for word in words)
    of_canaries = Counter(word for name in canaries for word in features[name])
    return [
        Share(word, number / len(features), of_canaries[word] / len(canaries))
        for word, number in all_of.most_common()
        if canaries
    ]


def check_confirmed(shown: Preview, count: int, digest: str | None = None) -> None:
    """Refuse what is not what was confirmed.

    Raises:
        Invalid: nobody takes part.
        Outdated: the set is another.
        Conflict: the number is another.
    """
    if not shown.total:
        left = "; ".join(f"{len(them)}: {why}" for why, them in shown.left_out.items())
        raise Invalid("selection", f"no container takes part ({left or 'it finds none'})")
    rollout_log.check_same(shown.digest, digest)
    rollout_log.check_count(shown.total, count)
