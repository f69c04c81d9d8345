"""Protocol migrations through their services in any order, against a small model of what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.errors import Conflict, IllegalMove
from app.protocol.states import BEFORE_THE_SWITCH, MIGRATION_MOVES, MigrationPhase, Protocol
from app.protocol.strategies import PINGS_ONLY, Plan, Strategy
from app.queries import protocol_migrations as stored
from app.services import connections, containers, migration_phases, protocol_migrations
from app.services.containers import ContainerValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    from app.models import ProtocolMigration

PLANS = st.sampled_from(
    [
        Plan(verification=PINGS_ONLY),
        Plan.immediate(PINGS_ONLY),
        Plan(strategy=Strategy.MANUAL, verification=PINGS_ONLY),
    ]
)
SAY = {"reason": "r", "actor": TESTER}


class Migrations(RuleBasedStateMachine):
    """One container. The model knows its protocol, and the latest migration's phase and what was asked."""

    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.session.begin_nested()
        values = ContainerValues(name="web", endpoint_url="http://127.0.0.1:1", supported_protocols=BOTH)
        self.container = containers.register(self.session, values, TESTER)
        self.protocol = Protocol.HTTP
        self.latest: ProtocolMigration | None = None
        self.phase: MigrationPhase | None = None
        self.cancelled = self.asked = False

    def teardown(self) -> None:
        self.savepoint.rollback()
        self.session.expire_all()

    @property
    def open(self) -> bool:
        return self.phase is not None and bool(MIGRATION_MOVES[self.phase])

    @property
    def other(self) -> Protocol:
        return Protocol.ACP if self.protocol is Protocol.HTTP else Protocol.HTTP

    def begun(self, migration: ProtocolMigration) -> None:
        self.latest, self.phase = migration, MigrationPhase.PENDING
        self.cancelled = self.asked = False

    @rule(to=st.sampled_from(Protocol), plan=PLANS)
    def request(self, to: Protocol, plan: Plan) -> None:
        def ask() -> ProtocolMigration:
            return protocol_migrations.request(self.session, self.container, to, plan=plan, **SAY)  # type: ignore[arg-type]

        if self.open or to is self.protocol:
            with pytest.raises(Conflict):
                ask()
        else:
            self.begun(ask())

    @precondition(lambda self: self.latest is not None)
    @rule(plan=PLANS)
    def roll_back(self, plan: Plan) -> None:
        latest = self.known()
        possible = self.phase is MigrationPhase.COMPLETED and latest.rollback_of_id is None
        if possible:
            self.begun(protocol_migrations.roll_back(self.session, latest, plan=plan, **SAY))  # type: ignore[arg-type]
        else:
            with pytest.raises(Conflict):
                protocol_migrations.roll_back(self.session, latest, plan=plan, **SAY)  # type: ignore[arg-type]

    @precondition(lambda self: self.latest is not None)
    @rule()
    def switch_now(self) -> None:
        latest = self.known()
        possible = self.phase is MigrationPhase.PREPARED and not self.asked and not self.cancelled
        assert latest.can_switch is possible
        if possible:
            protocol_migrations.switch_now(self.session, latest, **SAY)  # type: ignore[arg-type]
            self.asked = True
        else:
            with pytest.raises(Conflict):
                protocol_migrations.switch_now(self.session, latest, **SAY)  # type: ignore[arg-type]

    @precondition(lambda self: self.latest is not None)
    @rule()
    def cancel(self) -> None:
        latest = self.known()
        possible = self.phase in BEFORE_THE_SWITCH and not self.cancelled
        assert latest.can_cancel is possible
        if possible:
            protocol_migrations.cancel(self.session, latest, **SAY)  # type: ignore[arg-type]
            self.cancelled = True
        else:
            with pytest.raises(Conflict):
                protocol_migrations.cancel(self.session, latest, **SAY)  # type: ignore[arg-type]

    @precondition(lambda self: self.latest is not None)
    @rule(goal=st.sampled_from(MigrationPhase))
    def proceed(self, goal: MigrationPhase) -> None:
        """Go on as the gateway does, or try to where the table of moves forbids it."""
        latest, phase = self.known(), self.phase
        assert phase is not None
        expected = MigrationPhase.FAILED if self.cancelled and phase in BEFORE_THE_SWITCH else goal
        if expected not in MIGRATION_MOVES[phase]:
            with pytest.raises(IllegalMove):
                migration_phases.proceed(self.session, latest, goal, "d")
            return
        if goal is MigrationPhase.VERIFYING:
            self.point(Protocol(latest.to_protocol))
        if goal is MigrationPhase.ROLLED_BACK:
            self.point(Protocol(latest.from_protocol))
        assert migration_phases.proceed(self.session, latest, goal, "d") is expected
        self.phase = expected

    def known(self) -> ProtocolMigration:
        assert self.latest is not None
        return self.latest

    def point(self, to: Protocol) -> None:
        row = connections.open_row(self.session, self.container.id, to, "1.0.0")
        migration_phases.switch(self.session, self.container, to, row)
        self.protocol = to

    @invariant()
    def what_is_stored_is_what_the_model_says(self) -> None:
        session = self.container.session
        assert session.protocol_type == self.protocol
        assert (session.acp_connection_id is not None) is (self.protocol is Protocol.ACP)
        under_way = stored.open_of(self.session, self.container.id)
        assert (under_way is not None) is self.open
        if self.latest is None or self.phase is None:
            return
        assert self.latest.phase == self.phase
        assert (self.latest.completed_at is None) is self.open
        assert self.latest.success is migration_phases.FINAL.get(self.phase)
        assert (self.phase is MigrationPhase.ROLLED_BACK) <= self.latest.rollback
        assert (self.phase is MigrationPhase.FAILED) <= (not self.latest.rollback)


def test_any_order(untouched_url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(untouched_url))
    quick: Any = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with Session(engine) as session:
        machine = type("Machine", (Migrations,), {"session": session})
        run_state_machine_as_test(machine, settings=quick)
    engine.dispose()
