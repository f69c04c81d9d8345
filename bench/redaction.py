"""Redaction: what it costs a frame, against decoding and encoding it, and what it finds, kind by kind."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from app.protocol.frames import parse
from app.protocol.redaction import redact
from bench.common import RUNS, Limit, line, machine
from tests.support import secret_corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.protocol.frames import Frame

FRAMES: Final = Path("tests/frames")
REPEATS: Final = 200
LARGE: Final = 16 * 1024 * 1024
OF_EACH: Final = 20
PLAIN: Final = 5000
ANSWERS: Final = "session/prompt"


def recorded() -> list[Frame]:
    """Return the recorded frames that are JSON-RPC."""
    lines = [each for path in sorted(FRAMES.glob("*.jsonl")) for each in path.read_text("utf-8").splitlines()]
    frames = [parse(json.loads(each)["text"]) for each in lines]
    return [frame for frame in frames if frame.code is None]


def microseconds(work: Callable[[Frame], object], frames: list[Frame]) -> float:
    """Return the median over frames of the time that work takes, each the median of several runs."""
    return statistics.median(statistics.median(_run(work, frame) for _ in range(RUNS)) for frame in frames)


def _run(work: Callable[[Frame], object], frame: Frame) -> float:
    began = time.perf_counter()
    for _ in range(REPEATS):
        work(frame)
    return (time.perf_counter() - began) / REPEATS * 1e6


def large_frames() -> dict[str, str]:
    """Return the texts of frames near the limit of 16 MiB, by what is in them."""
    words = "the agent reads a file and tells what is in it, line by line. "
    prose = words * (LARGE // len(words) - 20)
    contents = {
        "prose": prose,
        "prose with a token": prose + "ghp_" + "a1B2" * 9,
        "names of secrets": "key=" * (LARGE // 5),
    }
    frame = {"jsonrpc": "2.0", "method": "_x"}
    return {f"16 MiB of {name}": json.dumps({**frame, "params": [text]}) for name, text in contents.items()}


def found() -> tuple[Counter[str], Counter[str]]:
    """Return how many secrets of each kind the corpus has, and how many of them redaction leaves readable."""
    there, missed = Counter[str](), Counter[str]()
    for sample in secret_corpus.samples(2, OF_EACH):
        there[sample.kind] += 1
        missed[sample.kind] += secret_corpus.survives(sample, redact(parse(sample.frame), ANSWERS).decode())
    return there, missed


def main() -> None:
    frames = recorded()
    once = microseconds(
        lambda frame: msgspec.json.encode(msgspec.json.decode(frame.text)),
        [f for f in frames if "\\ud8" not in f.text],
    )
    cost = microseconds(lambda frame: redact(frame, ANSWERS), frames)
    print(line("redaction of a recorded frame, median", cost, "µs", Limit("decoding and encoding it", once)))
    for name, text in large_frames().items():
        frame = parse(text)
        began = time.perf_counter()
        redact(frame, ANSWERS)
        print(line(f"redaction of {name}", time.perf_counter() - began, "s"))
    there, missed = found()
    for kind, count in sorted(there.items()):
        print(line(f"found of {kind}", 100 * (1 - missed[kind] / count), "%"))
    for group in ("typed", "named", "shaped"):
        count = sum(n for kind, n in there.items() if kind.startswith(group))
        lost = sum(n for kind, n in missed.items() if kind.startswith(group))
        print(line(f"found of all {group}, {count} secrets", 100 * (1 - lost / count), "%"))
    alarms = sum("«" in redact(parse(text), ANSWERS).decode() for text in secret_corpus.plain(3, PLAIN))
    print(line(f"false alarms in {PLAIN} plain frames", 100 * alarms / PLAIN, "%"))


if __name__ == "__main__":
    print(machine())
    main()
