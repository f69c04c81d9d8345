"""200 viewers of one timeline at 100 messages a second: from commit to socket, and the CPU that it takes.

    python -m bench.viewers [--viewers 200] [--rate 100] [--seconds 10] [--runs 3] [--npm FOLDER]

The web process is the one that `flask serve` runs; messages are recorded by the gateway's own recorder and
announced by its announcer, in another process; the viewers are in a third. Each viewer has to get every
message, once and in order, or this fails. Runs in which one more viewer reads nothing take turns with runs
in which all read. Then frontail (npm) gets the same messages as lines, for as many viewers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx
import psutil
import psycopg

from app import create_app
from app.cli.serve import web_command
from app.config import Bind, Settings
from app.extensions import db
from app.protocol.states import Protocol
from app.queries import messages
from app.services import connections, users
from app.services.connections import begin_sequences
from app.services.containers import ContainerValues
from app.services.users import RoleName
from bench import frontail
from bench.common import Limit, line, machine, percentile
from bench.pages import PASSWORD, PERSON, sign_in
from bench.stage import ACTOR, SECRET_KEY, free_port, stage
from bench.telling import Pace, tell
from bench.watching import Watch, watch

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from bench.stage import Stage
    from bench.watching import Seen

LEAD_SECONDS: Final = 1.0
"""Between the last viewer's arrival and the first message: the writer takes its lease."""
PATIENCE: Final = 30.0
SPAWN: Final = multiprocessing.get_context("spawn")


class Incomplete(Exception):
    """A viewer did not get every row once and in order."""


@dataclass
class Outcome:
    """What runs of one kind have shown: latencies in ms, CPU seconds a second, seconds until a cut."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)


class Scene(NamedTuple):
    """The web process, where it is, a signed-in cookie, and the timeline that everybody looks at."""

    stage: Stage
    web: psutil.Process
    address: str
    cookie: str
    container_id: uuid.UUID
    connection_id: uuid.UUID


class Load(NamedTuple):
    viewers: int
    rate: float
    seconds: float

    @property
    def number(self) -> int:
        return round(self.rate * self.seconds)


@contextmanager
def scene(prepared: Stage, viewers: int) -> Iterator[Scene]:
    """Run a web process on a database with one connected container."""
    values = ContainerValues(
        name="watched", endpoint_url="http://127.0.0.1:9", supported_protocols=tuple(Protocol)
    )
    container_id = prepared.register(values)
    with prepared.session() as session:
        row = connections.open_row(session, container_id, Protocol.ACP, "1.0.0")
        begin_sequences(session, [row.id])
        connection_id = row.id
    settings = Settings(
        database_url=prepared.database_url,
        secret_key=SECRET_KEY,
        bind=Bind("127.0.0.1", free_port()),
        max_viewers=viewers + 1,
    )
    app = create_app(settings)
    with app.app_context():
        users.add(db.session(), PERSON, PASSWORD, [RoleName.ADMIN], ACTOR)
        db.session.commit()
        cookie = sign_in(app)
        db.engine.dispose()
    environ = {
        "DATABASE_URL": prepared.database_url,
        "CONSOLE_SECRET_KEY": SECRET_KEY,
        "CONSOLE_MAX_VIEWERS": str(settings.max_viewers),
        "CONSOLE_LOG_LEVEL": "WARNING",
    }
    with subprocess.Popen(web_command(settings), env={**os.environ, **environ}) as process:
        try:
            _wait_for(f"http://{settings.bind}/healthz")
            web = psutil.Process(process.pid)
            yield Scene(prepared, web, str(settings.bind), cookie, container_id, connection_id)
        finally:
            process.send_signal(signal.SIGTERM)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def run(at: Scene, load: Load, outcome: Outcome, *, stall: bool) -> None:
    """Let viewers look while messages are recorded, and add what has been seen."""
    path = f"/live/containers/{at.container_id}"
    with at.stage.session() as session:
        last = next(iter(messages.of_connection(session, at.connection_id, limit=1)), None)
        after = str(last.id) if last else None
    wanted = Watch(at.address, path, at.cookie, after, load.viewers, load.number, load.seconds + PATIENCE)
    with ProcessPoolExecutor(2, mp_context=SPAWN) as processes, SPAWN.Manager() as manager:
        ready = manager.Event()
        seeing = processes.submit(watch, wanted, ready, stall=stall)
        if not ready.wait(PATIENCE * 4):
            raise RuntimeError("the viewers did not all come")
        pace = Pace(load.rate, time.monotonic() + LEAD_SECONDS, load.number)
        telling = processes.submit(tell, at.stage.database_url, at.container_id, at.connection_id, pace)
        time.sleep(LEAD_SECONDS)
        before = cpu(at)
        commits = telling.result()
        after = cpu(at)
        seen = seeing.result()
    taken = sorted(latencies(commits, seen))
    outcome.p50.append(percentile(taken, 50))
    outcome.p99.append(percentile(taken, 99))
    outcome.web.append((after[0] - before[0]) / load.seconds)
    outcome.database.append((after[1] - before[1]) / load.seconds)
    if stall:
        outcome.cut.append(seen.stalled if seen.stalled is not None else float("inf"))


def cpu(at: Scene) -> tuple[float, float]:
    """Return the CPU seconds so far of the web's processes, and of the database's that serve it."""
    web = [at.web, *at.web.children(recursive=True)]
    with psycopg.connect(at.stage.database_url, application_name="bench") as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name = ''"
        ).fetchall()
    return _seconds(web), _seconds(psutil.Process(pid) for (pid,) in found)


def _seconds(processes: Iterator[psutil.Process] | list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def latencies(commits: list[tuple[str, int]], seen: Seen) -> Iterator[float]:
    """Yield how long every row took to every viewer, in ms.

    Raises:
        Incomplete: a viewer did not get every row once and in order.
    """
    when, told = dict(commits), [each for each, _ in commits]
    for arrivals, ended in zip(seen.arrivals, seen.ended, strict=True):
        got = [row for number, _ in arrivals for row in seen.batches[number]]
        if got != told:
            rows = f"{len(got)} rows ({len(set(got))} different) of {len(told)}"
            raise Incomplete(
                f"a viewer got {rows}; left out were {seen.left_out}, at its end it heard {ended!r}"
            )
        for number, at in arrivals:
            yield from ((at - when[row]) / 1e6 for row in seen.batches[number])


def report(calm: Outcome, beside: Outcome) -> None:
    calm_p99, beside_p99 = (statistics.median(each.p99) for each in (calm, beside))
    print(line("commit to socket, p50", statistics.median(calm.p50), "ms", Limit("the promise", 50)))
    print(line("commit to socket, p99", calm_p99, "ms", Limit("the promise", 150)))
    limit = Limit("that without the stalled viewer", calm_p99)
    print(line("commit to socket, p99 beside a stalled viewer", beside_p99, "ms", limit))
    print(line("the stalled viewer is cut after", max(beside.cut), "s", Limit("the promise", 10)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--npm", help="a folder in which frontail is installed, or will be")
    arguments = parser.parse_args()
    load = Load(arguments.viewers, arguments.rate, arguments.seconds)
    print(machine())
    calm, beside = Outcome(), Outcome()
    theirs: list[frontail.Outcome] = []
    with stage() as prepared, scene(prepared, load.viewers) as at, frontail.installed(arguments.npm) as there:
        with suppress(Incomplete):  # templates are compiled: what comes in that second is told as left out
            run(at, Load(load.viewers, load.rate, 2), Outcome(), stall=False)  # warms up
        for _ in range(arguments.runs):
            run(at, load, calm, stall=False)
            run(at, load, beside, stall=True)
            if there is not None:
                theirs.append(frontail.run(there, load.viewers, load.rate, load.number))
            pairs = (f"p50 {each.p50[-1]:.0f} ms, p99 {each.p99[-1]:.0f} ms" for each in (calm, beside))
            print(f"    load {os.getloadavg()[0]:.1f}: {'; beside a stalled one '.join(pairs)}")
    report(calm, beside)
    web, database = statistics.median(calm.web) * 100, statistics.median(calm.database) * 100
    print(line("the database's part of the CPU", database, "% of a core"))
    if theirs:
        limit = Limit("frontail's", statistics.median(each.cpu for each in theirs) * 100)
        print(line("the web process's CPU", web, "% of a core", limit))
        print(line("the web process's and the database's CPU", web + database, "% of a core", limit))
        for percent in ("p50", "p99"):
            value = statistics.median(getattr(each, percent) for each in theirs)
            print(line(f"frontail, written to received, {percent}", value, "ms"))
    else:
        print(line("the web process's CPU", web, "% of a core"))


if __name__ == "__main__":
    main()
