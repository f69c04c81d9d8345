"""frontail, the live log viewer that one would use instead: installed for the run, fed with the same.

It is npm's, with the versions that were current when this was written; where npm is not there, or cannot
reach its registry, the comparison is left out and said so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from bench.common import percentile
from bench.recorder import frames
from bench.stage import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = ("frontail@4.9.2", "socket.io-client@2.3.0")
CLIENTS: Final = Path(__file__).with_name("frontail_clients.js")


class Outcome(NamedTuple):
    """Latencies from a line's writing to its receipt in ms, and CPU seconds a second, `tail`'s included."""

    p50: float
    p99: float
    cpu: float


@contextmanager
def installed(folder: str | None) -> Iterator[Path | None]:
    """Yield a folder with frontail in it; None where there is no npm."""
    with ExitStack() as stack:
        if shutil.which("npm") is None or shutil.which("node") is None:
            print("frontail: skipped, there is no npm")
            yield None
            return
        into = Path(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="console-frontail-")))
        if not (into / "node_modules" / "frontail").exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(into), *PACKAGES]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"frontail: skipped, npm could not install it: {done.stderr.strip()[-200:]}")
                yield None
                return
        yield into


def run(folder: Path, viewers: int, rate: float, number: int) -> Outcome:
    """Show so many lines to so many viewers."""
    port = free_port()
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "messages.log"
        log.touch()
        program = str(folder / "node_modules" / "frontail" / "bin" / "frontail")
        server = stack.enter_context(
            _node(program, "--disable-usage-stats", "--host", "127.0.0.1", "--port", str(port), str(log))
        )
        clients = stack.enter_context(
            _node(str(CLIENTS), str(folder), str(port), str(log), str(viewers), str(number))
        )
        if clients.stdout is None or clients.stdout.readline().strip() != "ready":
            raise RuntimeError("frontail's viewers did not all come")
        frontail = psutil.Process(server.pid)
        before = _cpu(frontail)
        written = write(log, rate, number)
        took = number / rate
        after = _cpu(frontail)
        arrivals = json.loads(clients.stdout.readline())
    if len(arrivals) != viewers or any(len(each) != number for each in arrivals):
        raise RuntimeError("a viewer of frontail's did not get every line")
    taken = [(at - written[i]) / 1e6 for each in arrivals for i, at in enumerate(each)]
    return Outcome(percentile(taken, 50), percentile(taken, 99), (after - before) / took)


def write(log: Path, rate: float, number: int) -> list[int]:
    """Append the messages to the log, a line each; return when each was written (monotonic, in ns)."""
    texts, written = frames(), []
    began = time.monotonic() + 0.1
    with log.open("a") as file:
        for index in range(number):
            time.sleep(max(0.0, began + index / rate - time.monotonic()))
            file.write(texts[index % len(texts)] + "\n")
            file.flush()
            written.append(time.monotonic_ns())
    time.sleep(0.5)  # as long as the recorder's side is given for its last message
    return written


@contextmanager
def _node(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(["node", *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            for each in psutil.Process(process.pid).children():
                each.terminate()  # tail
            process.kill()


def _cpu(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)
