"""What a rollout would do: whom it is for, who is left out and why, which waves it has and who goes first.

The same is asked three times: for the preview, when the rollout is stored as a draft, and again when it
starts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, insert, select

from app.errors import Invalid
from app.models import Rollout, RolloutContainer, RolloutWave, new_id
from app.protocol import rollout_waves
from app.protocol.rollout_states import PartState, RolloutState
from app.queries import rollout_selection
from app.services import rollout_log

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.rollout_plan import RolloutPlan
    from app.queries.rollout_selection import Candidate
    from app.services.actor import Actor

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


class Changes(NamedTuple):
    """What differs from the stored set, by name."""

    joined: Sequence[str]
    gone: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.joined or self.gone)

    def __str__(self) -> str:
        told = (("joined", self.joined), ("no longer taking part", self.gone))
        return "; ".join(f"{len(names)} {how}: {named(names)}" for how, names in told if names)


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


def create(
    session: Session,
    name: str,
    plan: RolloutPlan,
    *,
    count: int,
    digest: str | None,
    reason: str,
    actor: Actor,
) -> Rollout:
    """Store a rollout as a draft, with the set that was previewed; nothing is moved yet.

    `count` is how many the operator was told take part, `digest` the preview's, None where none was shown.

    Raises:
        Invalid: there is no name or reason, the plan breaks a rule, or nobody takes part.
        Conflict: the number is another.
        Outdated: the set is another than was previewed.
    """
    if not name.strip():
        raise Invalid("name", "give it a name, so that others know which it is")
    why = rollout_log.check_reason(reason)
    shown = preview(session, plan)
    check_confirmed(shown, count, digest)
    rollout = Rollout(
        id=new_id(),
        name=name.strip(),
        to_protocol=plan.to_protocol,
        plan=plan.as_dict(),
        reason=why,
        digest=shown.digest,
        created_by=actor.name,
        state=RolloutState.DRAFT,
    )
    session.add(rollout)
    session.flush()
    write_parts(session, rollout, shown)
    told = {"count": shown.total, "waves": [len(each) for each in shown.waves], "plan": rollout.plan}
    rollout_log.control(session, rollout, actor, "created", reason=why, after=told)
    return rollout


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


def changes(session: Session, rollout: Rollout, shown: Preview) -> Changes:
    """Say how a preview of now differs from the set that a draft has stored."""
    stored = select(RolloutContainer.name, RolloutContainer.container_id).where(
        RolloutContainer.rollout_id == rollout.id, RolloutContainer.wave.is_not(None)
    )
    before = {row.container_id or row.name: row.name for row in session.execute(stored)}
    now = {each.id: each.name for wave in shown.waves for each in wave}
    return Changes(
        sorted(name for each, name in now.items() if each not in before),
        sorted(name for each, name in before.items() if each not in now),
    )


def write_parts(session: Session, rollout: Rollout, shown: Preview) -> None:
    """Store the waves and each container's part, in place of those that a draft had."""
    for table in (RolloutContainer, RolloutWave):
        session.execute(delete(table).where(table.rollout_id == rollout.id))
    session.execute(
        insert(RolloutWave),
        [{"rollout_id": rollout.id, "number": number} for number in range(1, len(shown.waves) + 1)],
    )
    rows = [
        _part(rollout, each, position, wave=number, canary=each.name in shown.canaries)
        for position, (number, each) in enumerate(
            (number, each) for number, wave in enumerate(shown.waves, 1) for each in wave
        )
    ]
    rows += [
        _part(rollout, each, len(rows) + position, state=PartState.LEFT_OUT, detail=why)
        for position, (why, each) in enumerate(
            (why, each) for why, them in shown.left_out.items() for each in them
        )
    ]
    session.execute(insert(RolloutContainer), rows)
    rollout.digest = shown.digest


def _part(rollout: Rollout, of: Candidate, position: int, **values: object) -> dict[str, object]:
    default = {"wave": None, "canary": False, "late": False, "state": PartState.WAITING, "detail": None}
    return default | {
        "id": new_id(),
        "rollout_id": rollout.id,
        "container_id": of.id,
        "name": of.name,
        "position": position,
        **values,
    }


def join(
    session: Session, rollout: Rollout, wave: int, newcomers: Sequence[Candidate], position: int
) -> None:
    """Add late joiners to a wave, from a position on."""
    rows = [
        _part(rollout, each, position + number, wave=wave, late=True) for number, each in enumerate(newcomers)
    ]
    session.execute(insert(RolloutContainer), rows)
