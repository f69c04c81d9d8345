"""The plan of a rollout: who, in which waves, how fast, when, how each is moved, and what is too bad."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.errors import Invalid
from app.protocol import rollout_waves
from app.protocol.states import Protocol
from app.protocol.strategies import Plan as MigrationPlan
from app.protocol.strategies import Strategy
from app.protocol.windows import Window  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping


LONGEST_BAKE: Final = 7 * 86_400
MOST_AT_ONCE: Final = 1_000
EACH: Final = "each"


class Crossed(StrEnum):
    """What happens when a limit is crossed."""

    PAUSE = "pause"
    ROLL_BACK = "roll_back"


class Feature(StrEnum):
    """What canaries may represent the selection by."""

    IMAGE = "image"
    LABELS = "labels"
    OWNER = "owner"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is too bad, judged for the present wave; None switches a limit off.

    `failures` is how many failed containers are too many. `failure_rate` is the part (0 to 1) of those that
    have ended that may fail, once `failure_sample` have. `success` is the least part of the requests to
    containers that were moved that has to succeed over a rolling hour, once there are `success_sample`.
    `latency_ratio` is how many times slower than over the old protocol the median of those that were moved
    may be, once there are `latency_sample` of them. With `no_data` a container from which nothing is heard
    until the bake time is over counts as a failed one.
    """

    failures: int | None = 1
    failure_rate: float | None = 0.05
    failure_sample: int = 20
    success: float | None = 0.99
    success_sample: int = 20
    latency_ratio: float | None = 3.0
    latency_sample: int = 1
    no_data: bool = True
    crossed: Crossed = Crossed.PAUSE

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        _between("failures", self.failures, 1, 1_000_000)
        _between("failure_rate", self.failure_rate, 0, 1)
        _between("failure_sample", self.failure_sample, 1, 1_000_000)
        _between("success", self.success, 0, 1)
        _between("success_sample", self.success_sample, 1, 1_000_000_000)
        _between("latency_ratio", self.latency_ratio, 0.1, 1_000)
        _between("latency_sample", self.latency_sample, 1, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """All that is decided before a rollout starts.

    `selection` is the containers' filter as its list writes it in the URL (`text`, `protocol`, `status`,
    `owner`, `label`, `gateway`, `only`). `waves` are steps as `rollout_waves.parse` reads them. `canaries`
    are names, chosen by hand; without any, the first wave represents the selection by `represent`.
    `late_joiners` says whether containers that come to match the selection after the start join the last
    wave. `pause_after` is `each`, or numbers of waves with commas between, or empty: after those it waits for
    a person. `concurrency` is how many containers are moved at once.
    """

    to_protocol: str = Protocol.ACP
    selection: dict[str, str] = field(default_factory=dict)
    waves: str = "1, 10 %, 50 %, 100 %"
    canaries: tuple[str, ...] = ()
    represent: tuple[Feature, ...] = (Feature.IMAGE, Feature.LABELS, Feature.GATEWAY)
    late_joiners: bool = False
    bake_seconds: int = 600
    pause_after: str = ""
    concurrency: int = 10
    window: Window | None = None
    migration: MigrationPlan = field(default_factory=MigrationPlan)
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        if self.to_protocol not in list(Protocol):
            raise Invalid("to_protocol", f"{self.to_protocol!r} is not a protocol; choose from http, acp")
        rollout_waves.parse(self.waves)
        _between("bake_seconds", self.bake_seconds, 0, LONGEST_BAKE)
        _between("concurrency", self.concurrency, 1, MOST_AT_ONCE)
        self.pauses_after(1)
        if self.migration.strategy not in {Strategy.IMMEDIATE, Strategy.GRACEFUL}:
            raise Invalid("strategy", "in a rollout: immediate or graceful; when it begins, the window says")
        self.migration.check()
        self.limits.check()
        if self.window is not None:
            self.window.check()

    def pauses_after(self, wave: int) -> bool:
        """Tell whether a person is waited for after a wave has passed.

        Raises:
            Invalid: `pause_after` is neither `each` nor a list of numbers.
        """
        if self.pause_after.strip() == EACH:
            return True
        words = [each.strip() for each in self.pause_after.split(",") if each.strip()]
        if not all(each.isdecimal() for each in words):
            raise Invalid("pause_after", "write each, or numbers of waves such as 1, 2, or nothing")
        return wave in map(int, words)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        window = asdict(self.window) | {"days": list(self.window.days)} if self.window is not None else None
        return told | {
            "canaries": list(self.canaries),
            "represent": [str(each) for each in self.represent],
            "window": window,
            "migration": self.migration.as_dict(),
            "limits": asdict(self.limits) | {"crossed": str(self.limits.crossed)},
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> RolloutPlan:
        """Read what `as_dict` gave; what is missing is the default, what is unknown is left out.

        Raises:
            Invalid: a value is of the wrong kind.
        """
        given = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        migration = MigrationPlan.of(given.pop("migration", None) or {})
        try:
            return msgspec.convert(given | {"migration": migration}, cls)
        except msgspec.ValidationError as error:
            raise Invalid("plan", str(error)) from error


def _between(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:  # a NaN is nowhere between
        raise Invalid(name, f"from {least:,g} to {most:,.10g}")
