"""`make soak`: what takes too long for every day. Prints a table of promise, runs and result."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.soak import core, kills, wire
from tests.soak.breaches import MIB
from tests.soak.database import database
from tests.support.gateways import ROOT, GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FRAMES_PER_SECOND = 300
"""Damaged frames that are recorded at least, on a machine that others keep busy."""
RACES = "tests/gateway/test_many_gateways.py"
OUTAGE = "bench/outage.py"
BOMBS_MIB = (64, 128, 256, 512)
FAILURES = (Exception, pytest.fail.Exception)  # what `eventually` gives up with is no Exception


@dataclass(frozen=True, slots=True)
class Step:
    """A promise, how often it is put to the test, and the work: it returns what to say, or fails."""

    promise: str
    runs: str
    work: Callable[[], str]


def steps(wanted: argparse.Namespace) -> list[Step]:
    """List what there is to do; 0 leaves a step out."""
    sizes = ", ".join(map(str, BOMBS_MIB))
    every = [
        (
            wanted.kills,
            Step(
                "nothing lost, nothing twice",
                f"{wanted.kills} kills of each kind",
                lambda: _kills(wanted.kills),
            ),
        ),
        (
            wanted.core,
            Step(
                "any text in: one record, no exception", f"{wanted.core:,} texts", lambda: _core(wanted.core)
            ),
        ),
        (wanted.wire, Step("bad frames end nothing", f"{wanted.wire:,} frames", lambda: _wire(wanted.wire))),
        (wanted.bombs, Step("compressed bombs: 1009, no growth", f"{sizes} MiB", _bombs)),
        (
            wanted.races,
            Step("a stale gateway writes nothing", f"{wanted.races} races", lambda: _races(wanted.races)),
        ),
        (
            wanted.outage,
            Step("an outage of the database", f"{wanted.outage} s", lambda: _outage(wanted.outage)),
        ),
    ]
    return [step for times, step in every if times]


def _kills(times: int) -> str:
    outcome = kills.run(times, told=_say)
    assert not outcome.faults, "\n".join(outcome.faults[:20])
    return (
        f"0 lost, 0 twice in {outcome.records:,} records: {outcome.answered:,} answers and "
        f"{outcome.heard:,} frames that callers had got, of {outcome.asked:,} requests"
    )


def _core(texts: int) -> str:
    grown = core.run(Random(texts), texts)  # noqa: S311 - a load, not a secret
    assert grown <= wire.GROWTH, f"grew by {grown / MIB:.1f} MiB"
    return f"grew by {grown / MIB:.1f} MiB"


def _wire(frames: int) -> str:
    with database() as (_, settings):
        process = GatewayProcess(settings)
        try:
            grown = wire.run(settings, process, frames, 60 + frames / FRAMES_PER_SECOND)
            assert "Traceback" not in process.log(), process.log()
        finally:
            process.clear_away()
    assert grown <= wire.GROWTH, f"grew by {grown / MIB:.1f} MiB"
    return f"each recorded once, grew by {grown / MIB:.1f} MiB"


def _bombs() -> str:
    for size in BOMBS_MIB:
        _run(
            ["-m", "pytest", "-q", "tests/gateway/test_bad_frames.py", "-k", "bombs"], SOAK_BOMB_MIB=str(size)
        )
    return f"grew by less than {wire.GROWTH // MIB} MiB"


def _races(times: int) -> str:
    for _ in range(times):
        _run(["-m", "pytest", "-q", RACES])
    return "no write of a stale epoch"


def _outage(seconds: int) -> str:
    return _run(["-m", "bench.outage", str(seconds)]).strip().splitlines()[-1]


def _run(command: Sequence[str], **variables: str) -> str:
    """Run a Python program of ours and return what it printed; fail with that if it does."""
    environ: Mapping[str, str] = os.environ | variables
    result = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return result.stdout


def _say(text: str) -> None:
    print(f"  {text}", flush=True)  # noqa: T201 - what is going on


def _take(step: Step) -> tuple[bool, str]:
    began = time.monotonic()
    _say(f"{step.promise}: {step.runs} …")
    try:
        done, result = True, step.work()
    except FAILURES as error:
        done, result = False, f"FAILED: {error}"
    return done, f"{step.promise:40} {step.runs:26} {time.monotonic() - began:6.0f} s  {result}"


def main() -> int:
    """Take every step, however the others end; the exit code is 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each kind (50)")
    parser.add_argument(
        "--core", type=int, default=1_000_000, help="damaged frames into the core (1,000,000)"
    )
    parser.add_argument(
        "--wire", type=int, default=1_000_000, help="damaged frames into a gateway (1,000,000)"
    )
    parser.add_argument("--bombs", type=int, default=1, help="0 leaves the compressed bombs out")
    parser.add_argument("--races", type=int, default=5, help="of two gateways, one of them stopped (5)")
    parser.add_argument("--outage", type=int, default=600, help="seconds without a database (600)")
    results = [_take(step) for step in steps(parser.parse_args())]
    print("\n".join(line for _, line in results))  # noqa: T201 - the table
    return 0 if all(done for done, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
