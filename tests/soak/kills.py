"""Killing the gateway and PostgreSQL under load, and comparing the ledgers with what is stored."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.soak import audit
from tests.soak.callers import Load
from tests.soak.database import database
from tests.support.gateways import ROOT, GatewayProcess
from tests.support.servers import kill_server
from tests.support.store import Store
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.soak.callers import Ledger

CONTAINERS = ("one", "two")
CALLERS_EACH = 3
BUSY = 30
"""Results that the callers must have got since the last kill before the next: then all is well again."""
RECOVERY_SECONDS = 60.0
MOMENT_SECONDS = 0.3
"""The kill comes at a random moment within this time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: kills by kind, and what was compared; `faults` is empty where the promise held."""

    kills: Counter[str]
    records: int
    asked: int
    answered: int
    heard: int
    faults: Sequence[str]


class Stage:
    """PostgreSQL, a gateway and an agent, each a process of its own."""

    def __init__(self, stack: ExitStack) -> None:
        self.server, self.settings = stack.enter_context(database())
        self.ledger = self.settings.data_dir / "agent.ledger"
        endpoint = stack.enter_context(_agent(self.ledger))
        self.token = self._register(endpoint)
        self.gateway = GatewayProcess(self.settings)
        stack.callback(self._clear_away)
        self.gateway.started()

    def _register(self, endpoint: str) -> str:
        store = Store(str(self.settings.database_url))
        for name in CONTAINERS:
            store.register(name, f"{endpoint}/{name}", protocols=("acp",))
        token = store.token()
        store.close()
        return token

    def _clear_away(self) -> None:
        self.gateway.clear_away()  # the present one

    def kill_gateway(self) -> None:
        """SIGKILL; another one is started at the same address."""
        self.gateway.clear_away()
        self.gateway = GatewayProcess(self.settings, port=self.gateway.port)
        self.gateway.started()

    def kill_postgres(self) -> None:
        """SIGKILL of every process of the server at once; it recovers from its log."""
        kill_server(self.server)
        self.server.start()

    def restart_postgres(self) -> None:
        """`pg_ctl restart -m immediate`: no checkpoint, every connection is cut."""
        log = f"--log={self.server.folder / 'server.log'}"
        self.server.run(*self.server.pg_ctl("restart"), "--mode=immediate", log)


KILLS: dict[str, Callable[[Stage], None]] = {
    "SIGKILL of the gateway": Stage.kill_gateway,
    "SIGKILL of PostgreSQL": Stage.kill_postgres,
    "immediate restart of PostgreSQL": Stage.restart_postgres,
}


def run(times: int, seed: int = 1, told: Callable[[str], object] = lambda _: None) -> Outcome:
    """Kill each part so many times in a random order, under load; `told` hears of every kill."""
    choice = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    schedule = [kind for kind in KILLS for _ in range(times)]
    choice.shuffle(schedule)
    with ExitStack() as stack:
        stage = Stage(stack)
        with Load(_urls(stage), stage.token) as load:
            for number, kind in enumerate(schedule, 1):
                _busy(load)
                time.sleep(choice.uniform(0, MOMENT_SECONDS))
                told(f"{number} of {len(schedule)}: {kind}")
                KILLS[kind](stage)
            _busy(load)
        return _compare(stage, load.ledger, Counter(schedule))


def _urls(stage: Stage) -> list[str]:
    return [f"{stage.gateway.url}/{name}" for name in CONTAINERS for _ in range(CALLERS_EACH)]


def _busy(load: Load) -> None:
    """Wait until the callers get results again."""
    goal = load.ledger.results + BUSY
    eventually(load.results, lambda now: now >= goal, RECOVERY_SECONDS)


def _compare(stage: Stage, ledger: Ledger, kills: Counter[str]) -> Outcome:
    """Stop the gateway in order, so that nothing is open any more, and look at what is stored."""
    code = stage.gateway.terminate()
    records = audit.read(str(stage.settings.database_url))
    faults = [] if code == 0 else [f"the gateway ended with {code}: {stage.gateway.log()}"]
    faults += records.faults
    faults += audit.faults_of_agent(records, stage.ledger)
    faults += audit.faults_of_callers(records, ledger)
    answered = sum(answer is not None for answer in ledger.asked.values())
    return Outcome(kills, records.count, len(ledger.asked), answered, len(ledger.heard), faults)


@contextmanager
def _agent(ledger: Path) -> Iterator[str]:
    """Run the agent; yields its URL. It must have survived everything."""
    command = [sys.executable, "-m", "tests.soak.agent", str(ledger)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
