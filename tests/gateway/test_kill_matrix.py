"""The kill matrix: whoever carries a protocol migration out dies before or after any of its commits.

Each case is a container of its own, under one gateway, so that all of them take seconds. A death here is that
of the container's supervisor: its memory and its sockets are gone, its rows are as they were committed, and
another one starts from them with the next renewal of the leases. `test_killed` kills whole processes.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest

from app.gateway.migrator import verifying
from app.gateway.migrator.work import Work
from app.protocol.states import MigrationPhase, Protocol
from app.protocol.strategies import PINGS_ONLY, Plan, Strategy
from tests.support.gateways import running_gateway
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

FINISHED_SECONDS: Final = 60.0
"""Until a protocol migration is finished or undone (reliability: protocol migrations)."""
PHASES: Final = {
    Strategy.IMMEDIATE: ("preflight", "switching", "verifying"),
    Strategy.GRACEFUL: ("preflight", "draining", "switching", "verifying"),
    Strategy.SCHEDULED: ("preflight", "draining", "switching", "verifying"),
    Strategy.MANUAL: ("preflight", "prepared", "draining", "switching", "verifying"),
}


class Killed(Exception):
    """Nobody of the gateway's own catches it."""


@dataclass(frozen=True)
class Case:
    """Who dies at which commit of a migration, the first is 1, just before it or just after."""

    strategy: Strategy
    to: Protocol
    back: bool
    commit: int
    after: bool

    @property
    def name(self) -> str:
        way = f"back-from-{self.to}" if self.back else f"to-{self.to}"
        return f"{self.strategy}-{way}-{'after' if self.after else 'before'}-{self.commit}"

    @property
    def phases(self) -> tuple[str, ...]:
        """What it goes through, each phase once, whatever happens."""
        ends = ("rolling_back", "rolled_back") if self.back else ("completed",)
        return "pending", *PHASES[self.strategy], *ends

    @property
    def ends_on(self) -> Protocol:
        return self.other if self.back else self.to

    @property
    def other(self) -> Protocol:
        return Protocol.HTTP if self.to is Protocol.ACP else Protocol.ACP


def cases() -> list[Case]:
    """Every commit of graceful, there and back, to both protocols; of the others, those up to the switch."""
    commits = len(PHASES[Strategy.GRACEFUL]) + 2  # what the preflight found is a commit, too
    ways = [(Strategy.GRACEFUL, to, back, commits + back) for to, back in product(Protocol, (False, True))]
    others = set(Strategy) - {Strategy.GRACEFUL}
    ways += [(each, Protocol.ACP, False, PHASES[each].index("switching") + 2) for each in sorted(others)]
    return [
        Case(strategy, to, back, commit, after)
        for strategy, to, back, last in ways
        for commit, after in product(range(1, last + 1), (False, True))
    ]


CASES: Final = {case.name: case for case in cases()}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, lease_seconds=2, http_poll_interval=30)


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Have each case's supervisor die at its commit, once its migration has been asked for."""
    commits, died, write = Counter[str](), Counter[str](), Work.write

    async def deadly(self: Work, work: Callable[..., Any]) -> Any:
        name = self.now.name
        case = CASES.get(name)
        if case is None or not died["armed"]:
            return await write(self, work)
        commits[name] += 1
        if commits[name] != case.commit:
            return await write(self, work)
        if case.after:
            await write(self, work)
        died[name] += 1
        raise Killed(name)

    async def worse(work: Work, *_: object) -> str | None:
        return "worse than is allowed" if died["armed"] and CASES[work.now.name].back else None

    monkeypatch.setattr(Work, "write", deadly)
    monkeypatch.setattr(verifying, "_watched", worse)
    return died


def plan(case: Case, store: Store) -> Plan:
    drain = 0 if case.strategy is Strategy.IMMEDIATE else 10
    at = None
    if case.strategy is Strategy.SCHEDULED:
        at = store.rows("SELECT clock_timestamp() AS now")[0]["now"] + dt.timedelta(seconds=2)
    return Plan(strategy=case.strategy, drain_seconds=drain, scheduled_at=at, verification=PINGS_ONLY)


def all_connected(store: Store) -> bool:
    connected = store.rows("SELECT count(*) AS n FROM acp_connection WHERE status = 'connected'")
    ended = store.rows("SELECT count(*) AS n FROM protocol_migration WHERE completed_at IS NULL")
    return (connected[0]["n"], ended[0]["n"]) == (len(CASES), 0)


def test_every_commit(
    settings: Settings, store: Store, fleet: DemoFleet, deaths: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "app")  # each death is told as an error
    for name, case in CASES.items():
        store.register(name, fleet.endpoint("http-first"), prefer=case.other)
    with running_gateway(settings):
        eventually(lambda: all_connected(store), patience=FINISHED_SECONDS)
        deaths["armed"] = 1
        asked = {name: store.migrate(name, case.to, plan(case, store)) for name, case in CASES.items()}
        began = time.monotonic()
        manual = {asked[name] for name, case in CASES.items() if case.strategy is Strategy.MANUAL}
        eventually(lambda: switched(store, manual), patience=FINISHED_SECONDS)
        eventually(lambda: all_connected(store), patience=FINISHED_SECONDS)
        assert time.monotonic() - began < FINISHED_SECONDS
        check(store, asked)
    assert {name: deaths[name] for name in CASES} == dict.fromkeys(CASES, 1)
    before = rows(store)
    with running_gateway(settings):
        eventually(lambda: all_connected(store), patience=FINISHED_SECONDS)
    assert rows(store) == before


def switched(store: Store, manual: set[uuid.UUID]) -> bool:
    """Have those go on that are prepared and were not asked yet; tell whether all were."""
    left = "phase = 'prepared' AND switch_asked_at IS NULL AND id = ANY(%s)"
    for row in store.rows(f"SELECT id FROM protocol_migration WHERE {left}", list(manual)):
        store.switch_now(row["id"])
        manual.discard(row["id"])
    return not manual


def check(store: Store, asked: dict[str, uuid.UUID]) -> None:
    """Each ended where it should, by way of each phase once, with the data model's rules intact."""
    for name, case in CASES.items():
        (row,) = store.rows("SELECT * FROM protocol_migration WHERE id = %s", asked[name])
        final = MigrationPhase.ROLLED_BACK if case.back else MigrationPhase.COMPLETED
        found = (row["phase"], row["success"], row["rollback"])
        assert (name, *found) == (name, final, not case.back, case.back)
        steps = store.rows(
            "SELECT phase, detail FROM protocol_migration_step WHERE migration_id = %s ORDER BY id", row["id"]
        )
        went = [step["phase"] for step in steps if not step["detail"].startswith("switch requested")]
        assert (name, *went) == (name, *case.phases)
        assert (name, store.protocol(name)) == (name, case.ends_on)
        (active,) = [each for each in store.connections(name) if each["status"] != "disconnected"]
        assert (active["status"], active["metadata"]["transport"]) == ("connected", case.ends_on)


def rows(store: Store) -> list[dict[str, Any]]:
    """Every migration with the number of its steps, and every session."""
    steps = "(SELECT count(*) FROM protocol_migration_step s WHERE s.migration_id = m.id) AS steps"
    return [
        *store.rows(f"SELECT m.*, {steps} FROM protocol_migration m ORDER BY id"),
        *store.rows("SELECT id, protocol_type FROM container_session ORDER BY id"),
    ]
