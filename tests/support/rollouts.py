"""A fleet in the database alone: containers, rollouts, and gateways that are played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from app.models import ProtocolMigration, RolloutContainer
from app.protocol.rollout_plan import Limits, RolloutPlan
from app.protocol.states import MigrationPhase
from app.queries import rollouts as stored
from app.services import containers, migration_phases, rollout_drafts, rollout_plans, rollout_steps, rollouts
from app.services.containers import ContainerValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.models import Rollout

QUIET = Limits(failure_rate=None, success=None, latency_ratio=None, no_data=False)
"""One failure is too many; nothing else is judged."""

_CONNECT = text("""
    WITH k AS (
        INSERT INTO acp_connection (connection_id, container_id, status, version)
        SELECT gen_random_uuid()::text, id, 'disconnected', '1.0.0' FROM container WHERE id = :container
        RETURNING id, container_id)
    UPDATE container_session s SET protocol_type = :to, acp_connection_id = CASE :to WHEN 'acp' THEN k.id END
    FROM k WHERE s.container_id = k.container_id
""")


def register(session: Session, *names: str, **values: Any) -> list[uuid.UUID]:
    """Register containers that support both protocols and are on HTTP."""
    shown = {"endpoint_url": "http://127.0.0.1:9000", "supported_protocols": BOTH} | values
    return [containers.register(session, ContainerValues(name=name, **shown), TESTER).id for name in names]


def draft(session: Session, **values: Any) -> Rollout:
    """Make a rollout of what its plan finds, quick and without a bake time unless said otherwise."""
    plan = RolloutPlan(**({"bake_seconds": 0, "limits": QUIET} | values))
    shown = rollout_plans.preview(session, plan)
    return rollout_drafts.create(
        session, "to acp", plan, count=shown.total, digest=shown.digest, reason="pilot", actor=TESTER
    )


def begin(session: Session, **values: Any) -> Rollout:
    """Make one and start it."""
    rollout = draft(session, **values)
    count = rollouts.concerned(
        stored.total(stored.counts(session, rollout.id)), rollouts.Control.START, rollout
    )
    rollouts.start(session, rollout, count=count, reason="go", actor=TESTER)
    return rollout


def settle(session: Session, rollout: Rollout) -> None:
    """Let the controller do what there is to do."""
    for _ in range(100):
        if not rollout_steps.step(session, rollout.id):
            return
    raise AssertionError("the controller never waits")


def under_way(session: Session) -> list[ProtocolMigration]:
    """Return the protocol migrations under way, the oldest first."""
    open_ones = select(ProtocolMigration).where(ProtocolMigration.completed_at.is_(None))
    return list(session.scalars(open_ones.order_by(ProtocolMigration.id)))


_TO_THE_SWITCH = (MigrationPhase.PREFLIGHT, MigrationPhase.SWITCHING, MigrationPhase.VERIFYING)


def switch(session: Session, migration: ProtocolMigration) -> bool:
    """Let a gateway switch what has not begun yet; False where somebody has cancelled it."""
    for phase in _TO_THE_SWITCH:
        if phase is MigrationPhase.VERIFYING:
            values = {"container": migration.container_id, "to": migration.to_protocol}
            session.execute(_CONNECT, values)
            session.expire_all()
        if migration_phases.proceed(session, migration, phase, "") is not phase:
            return False
    return True


def end(session: Session, migration: ProtocolMigration, *, success: bool = True) -> None:
    """Let a gateway carry out a protocol migration that has not begun yet, or fail at it."""
    if not success:
        migration_phases.proceed(session, migration, MigrationPhase.FAILED, "it does not answer")
    elif switch(session, migration):
        migration_phases.advance(session, migration, MigrationPhase.COMPLETED)


def end_all(session: Session, rollout: Rollout, *failing: str) -> None:
    """Let all that begins end, until the rollout waits for something else; those named fail."""
    settle(session, rollout)
    while open_ones := under_way(session):
        for migration in open_ones:
            end(session, migration, success=migration.container.name not in failing)
        settle(session, rollout)


def states(session: Session, rollout: Rollout) -> dict[str, str]:
    """Return the state of each container's part by its name, in their order."""
    part = RolloutContainer
    rows = select(part.name, part.state).where(part.rollout_id == rollout.id).order_by(part.position)
    return {row.name: row.state for row in session.execute(rows)}


def waves(session: Session, rollout: Rollout) -> list[str]:
    return [each.state for each in stored.waves(session, rollout.id)]
