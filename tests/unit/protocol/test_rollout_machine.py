"""The controller's decisions against a model: a small fleet, people, a clock, a controller that restarts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.protocol import rollout_decision as decision
from app.protocol import rollout_states as states
from app.protocol.rollout_decision import Picture, WavePicture, decide
from app.protocol.rollout_judgement import Evidence
from app.protocol.rollout_plan import Crossed, Limits, RolloutPlan
from app.protocol.rollout_states import ENDED, MOVING, Control, PartState, RolloutState, WaveState
from app.protocol.windows import Window

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@dataclass
class Part:
    wave: int
    state: PartState = PartState.WAITING
    switched: bool = False
    cancelled: bool = False

    def move(self, target: PartState) -> None:
        states.check_part_move(self.state, target)
        self.state, self.switched, self.cancelled = target, False, False

    def end(self, rollout: RolloutState, *, success: bool) -> None:
        """Its protocol migration ends; one that was cancelled never with success."""
        cancelled = self.cancelled
        assert not (cancelled and self.switched)
        target = states.settled(self.state, rollout, success=success and not cancelled, cancelled=cancelled)
        assert not cancelled or target is PartState.ROLLED_BACK, "a roll back wants it there"
        self.move(target)


@dataclass
class Wave:
    number: int
    state: WaveState = WaveState.WAITING
    baking_since: dt.datetime | None = None

    def move(self, target: WaveState) -> None:
        states.check_wave_move(self.state, target)
        self.state = target


@dataclass
class World:
    """What the database holds, and the protocol migrations that gateways carry out."""

    plan: RolloutPlan
    parts: list[Part]
    waves: list[Wave]
    now: dt.datetime = NOON
    state: RolloutState = RolloutState.DRAFT
    silent: int = 0
    log: list[str] = field(default_factory=list)

    def picture(self) -> Picture:
        waves = [
            WavePicture(
                number=wave.number,
                state=wave.state,
                parts=Counter(part.state for part in self.parts if part.wave == wave.number),
                baking_since=wave.baking_since,
            )
            for wave in self.waves
        ]
        present = next((each for each in self.waves if each.state is not WaveState.PASSED), None)
        moved = [
            p for p in self.parts if present and p.wave == present.number and p.state is PartState.COMPLETED
        ]
        evidence = Evidence(silent=min(self.silent, len(moved)))
        return Picture(state=self.state, plan=self.plan, waves=waves, now=self.now, evidence=evidence)

    def enter(self, target: RolloutState) -> None:
        if target is not self.state:
            states.check_rollout_move(self.state, target)
        self.state = target

    def of(self, *wanted: PartState, wave: int | None = None) -> list[Part]:
        return [p for p in self.parts if p.state in wanted and wave in (None, p.wave)]

    def carry_out(self, command: decision.Command) -> None:  # noqa: C901 - a case for each command
        match command:
            case decision.BeginWave(number):
                assert self.state is RolloutState.RUNNING
                self.waves[number - 1].move(WaveState.RUNNING)
            case decision.Begin(number, count):
                self.begin(number, count)
            case decision.Bake(number):
                self.waves[number - 1].move(WaveState.BAKING)
                self.waves[number - 1].baking_since = self.now
            case decision.PassWave(number):
                self.waves[number - 1].move(WaveState.PASSED)
            case decision.FailWave(number, _):
                self.waves[number - 1].move(WaveState.FAILED)
            case decision.Pause():
                self.enter(RolloutState.PAUSED)
            case decision.RollBack():
                for part in self.of(PartState.COMPLETED):
                    part.move(PartState.RETURNING)
                self.cancel()
                self.enter(RolloutState.ROLLING_BACK)
            case decision.Return(count):
                for part in self.of(PartState.RETURNING)[:count]:
                    part.move(PartState.ROLLING_BACK)
            case decision.End(state):
                self.enter(state)

    def begin(self, number: int, count: int) -> None:
        assert self.state is RolloutState.RUNNING, "nothing starts unless it runs"
        assert self.plan.window is None or self.plan.window.is_open(self.now), (
            "nothing starts outside the window"
        )
        assert all(w.state is WaveState.PASSED for w in self.waves[: number - 1]), "canaries first"
        chosen = self.of(PartState.WAITING, wave=number)[:count]
        assert len(chosen) == count > 0
        for part in chosen:
            part.move(PartState.RUNNING)

    def cancel(self) -> None:
        for part in self.of(PartState.RUNNING):
            part.cancelled = not part.switched

    def settle(self) -> None:
        """Let the controller work until it waits; another one, or the same after a restart, decides alike."""
        for _ in range(100):
            commands = decide(self.picture())
            assert commands == decide(self.picture())
            if not commands:
                return
            for command in commands:
                self.carry_out(command)
        raise AssertionError("the controller never waits")


class Rollouts(RuleBasedStateMachine):
    world: World

    @initialize(
        sizes=some.lists(some.integers(1, 4), min_size=1, max_size=3),
        concurrency=some.integers(1, 3),
        failures=some.none() | some.integers(1, 3),
        crossed=some.sampled_from(Crossed),
        bake=some.sampled_from([0, 600]),
        pause=some.sampled_from(["", "each", "1"]),
        window=some.booleans(),
    )
    def plan(
        self,
        sizes: list[int],
        concurrency: int,
        failures: int | None,
        crossed: Crossed,
        bake: int,
        pause: str,
        window: bool,  # noqa: FBT001
    ) -> None:
        plan = RolloutPlan(
            concurrency=concurrency,
            bake_seconds=bake,
            pause_after=pause,
            window=Window(begins="08:00", ends="20:00") if window else None,
            limits=Limits(failures=failures, failure_rate=None, crossed=crossed),
        )
        parts = [Part(number) for number, size in enumerate(sizes, 1) for _ in range(size)]
        self.world = World(plan, parts, [Wave(number) for number in range(1, len(sizes) + 1)])

    def _control(self, control: Control) -> bool:
        world = self.world
        present = next((each.state for each in world.waves if each.state is not WaveState.PASSED), None)
        if states.obstacle(control, world.state, present, {p.state for p in world.parts}) is not None:
            return False
        former = world.state
        world.enter(states.CONTROLS[control][world.state][0])
        match control:
            case Control.PROMOTE:
                next(w for w in world.waves if w.state is not WaveState.PASSED).move(WaveState.PASSED)
            case Control.ABORT:
                for part in world.of(PartState.WAITING):
                    part.move(PartState.SKIPPED)
            case Control.RETRY:
                for part in world.of(*states.retried(former)):
                    part.move(PartState.WAITING)
                self._reopen()
            case Control.ROLL_BACK | Control.ROLL_BACK_SOME:
                done = world.of(PartState.COMPLETED)
                for part in done if control is Control.ROLL_BACK else done[:1]:
                    part.move(PartState.RETURNING)
                if control is Control.ROLL_BACK:
                    world.cancel()
            case _:
                pass
        world.settle()
        return True

    def _reopen(self) -> None:
        for wave in self.world.waves:
            waits = bool(self.world.of(PartState.WAITING, wave=wave.number))
            if wave.state is WaveState.FAILED or (wave.state is WaveState.PASSED and waits):
                wave.move(WaveState.WAITING)
            elif wave.state is WaveState.BAKING and waits:
                wave.move(WaveState.RUNNING)

    @rule(control=some.sampled_from(Control))
    def control(self, control: Control) -> None:
        self._control(control)

    @rule()
    def one_switches(self) -> None:
        for part in [p for p in self.world.of(PartState.RUNNING) if not p.switched and not p.cancelled][:1]:
            part.switched = True

    @rule(success=some.booleans())
    def a_migration_ends(self, success: bool) -> None:  # noqa: FBT001
        for part in self.world.of(*MOVING)[:1]:
            part.end(self.world.state, success=success)
            self.world.settle()

    @rule(minutes=some.sampled_from([1, 10, 600]))
    def time_passes(self, minutes: int) -> None:
        self.world.now += dt.timedelta(minutes=minutes)
        self.world.settle()

    @rule(silent=some.integers(0, 2))
    def some_say_nothing(self, silent: int) -> None:
        self.world.silent = silent
        self.world.settle()

    @precondition(lambda self: self.world.state is not RolloutState.DRAFT)
    @rule()
    def it_ends(self) -> None:
        """From wherever it is: with all migrations ending, time passing and somebody promoting, it ends."""
        for _ in range(100):
            if self.world.state in ENDED and not self.world.of(*states.UNSETTLED):
                return
            if self.world.state is RolloutState.PAUSED:
                assert self._control(Control.RESUME) or self._control(Control.PROMOTE)
            for part in self.world.of(*MOVING):
                part.end(self.world.state, success=True)
            self.world.now += dt.timedelta(hours=7)
            self.world.settle()
        raise AssertionError(f"it stays {self.world.state}")

    @invariant()
    def limits_are_kept(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        assert len(world.of(*MOVING)) <= world.plan.concurrency
        most = world.plan.limits.failures
        present = next((each for each in world.waves if each.state is not WaveState.PASSED), None)
        if most and present and present.state in {WaveState.RUNNING, WaveState.BAKING}:
            acts = world.state in {RolloutState.RUNNING, RolloutState.PAUSED}
            failed = len(world.of(PartState.FAILED, wave=present.number))
            assert not acts or failed < most, "a limit was crossed, and nothing came of it"

    @invariant()
    def what_has_ended_is_quiet(self) -> None:
        if hasattr(self, "world") and self.world.state is RolloutState.ROLLED_BACK:
            assert not self.world.of(*states.UNSETTLED)


Rollouts.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestRollouts = Rollouts.TestCase
