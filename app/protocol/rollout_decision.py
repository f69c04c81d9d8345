"""What the controller of a rollout does next, decided from what is stored and the time, and nothing else.

`decide` returns some commands; when they are done, it is asked again, until there are none. It remembers
nothing, so a controller that dies is followed by another that goes on.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app.protocol.rollout_judgement import Evidence, too_bad
from app.protocol.rollout_plan import Crossed
from app.protocol.rollout_states import MOVING, UNSETTLED, PartState, RolloutState, WaveState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.protocol.rollout_plan import RolloutPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class WavePicture:
    """A wave as it is stored: how many of its containers are in which state; since when it bakes."""

    number: int
    state: WaveState
    parts: Mapping[PartState, int]
    baking_since: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A rollout as it is stored, at a time of the database's clock."""

    state: RolloutState
    plan: RolloutPlan
    waves: Sequence[WavePicture]
    now: dt.datetime
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def parts(self) -> Counter[PartState]:
        """How many containers are in which state, in all waves."""
        found: Counter[PartState] = Counter()
        for wave in self.waves:
            found.update(wave.parts)
        return found

    @property
    def present(self) -> WavePicture | None:
        """The wave that is under way, or next: the first that has not passed."""
        return next((each for each in self.waves if each.state is not WaveState.PASSED), None)

    @property
    def open(self) -> bool:
        """Whether containers may begin now."""
        return self.plan.window is None or self.plan.window.is_open(self.now)


class BeginWave(NamedTuple):
    """Begin a wave."""

    number: int


class Begin(NamedTuple):
    """Begin to move so many waiting containers of a wave, in their order."""

    number: int
    containers: int


class Bake(NamedTuple):
    """All containers of a wave have ended: watch it."""

    number: int


class PassWave(NamedTuple):
    """A wave was good."""

    number: int


class FailWave(NamedTuple):
    """A wave has crossed a limit."""

    number: int
    why: str


class Pause(NamedTuple):
    """Wait for a person."""

    why: str


class RollBack(NamedTuple):
    """Take all containers back that were moved."""

    why: str


class Return(NamedTuple):
    """Begin to take so many containers back, of those that wait for it."""

    containers: int


class End(NamedTuple):
    """Nothing is left to do."""

    state: RolloutState


Command = BeginWave | Begin | Bake | PassWave | FailWave | Pause | RollBack | Return | End


def decide(picture: Picture) -> list[Command]:
    """Return what to do next; nothing while there is something to wait for."""
    parts = picture.parts
    room = max(0, picture.plan.concurrency - sum(parts[each] for each in MOVING))
    commands: list[Command] = []
    if back := min(room, parts[PartState.RETURNING]):
        commands.append(Return(back))
        room -= back
    if picture.state in {RolloutState.RUNNING, RolloutState.PAUSED}:
        return commands + _go_on(picture, room)
    ends = {
        RolloutState.ABORTING: RolloutState.ABORTED,
        RolloutState.ROLLING_BACK: RolloutState.ROLLED_BACK,
    }
    if picture.state in ends and not any(parts[each] for each in UNSETTLED):
        commands.append(End(ends[picture.state]))
    return commands


def _go_on(picture: Picture, room: int) -> list[Command]:
    """Decide for a rollout that is running, or paused: then nothing begins, but it is judged as ever."""
    wave, running = picture.present, picture.state is RolloutState.RUNNING
    if wave is None:
        idle = not any(picture.parts[each] for each in UNSETTLED)
        return [End(RolloutState.COMPLETED)] if running and idle else []
    if wave.state in {WaveState.RUNNING, WaveState.BAKING}:
        if why := too_bad(picture.plan, wave.parts, picture.evidence, baked=_baked(picture, wave)):
            return _failed(picture, wave, why)
        if wave.state is WaveState.RUNNING and not _has(wave, PartState.WAITING, PartState.RUNNING):
            return [Bake(wave.number)]
    return _advance(picture, wave, room) if running else []


def _advance(picture: Picture, wave: WavePicture, room: int) -> list[Command]:
    waiting = wave.parts.get(PartState.WAITING, 0)
    if wave.state is WaveState.WAITING and (picture.open or not waiting):
        return [BeginWave(wave.number)]
    if wave.state is WaveState.RUNNING and picture.open and (count := min(room, waiting)):
        return [Begin(wave.number, count)]
    if wave.state is WaveState.BAKING and _baked(picture, wave):
        stop = picture.plan.pauses_after(wave.number) and wave is not picture.waves[-1]
        pause = [Pause(f"wave {wave.number} has passed; resume to go on")] if stop else []
        return [PassWave(wave.number), *pause]
    return []


def _failed(picture: Picture, wave: WavePicture, why: str) -> list[Command]:
    told = f"wave {wave.number}: {why}"
    if picture.plan.limits.crossed is Crossed.ROLL_BACK:
        return [FailWave(wave.number, why), RollBack(told)]
    if picture.state is RolloutState.RUNNING:
        return [FailWave(wave.number, why), Pause(told)]
    return [FailWave(wave.number, why)]


def _baked(picture: Picture, wave: WavePicture) -> bool:
    """Tell whether the bake time is over; a wave in which nothing was moved has none."""
    if wave.state is not WaveState.BAKING or wave.baking_since is None:
        return False
    moved = wave.parts.get(PartState.COMPLETED, 0)
    return not moved or picture.now >= wave.baking_since + dt.timedelta(seconds=picture.plan.bake_seconds)


def _has(wave: WavePicture, *states: PartState) -> bool:
    return any(wave.parts.get(each, 0) for each in states)
