"""Reads snapshots: what supervisors need to know of their containers, of many in one go."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import exists, func, or_, select

from app.gateway.snapshot import (
    Dialling,
    OpenMigration,
    PendingAction,
    PendingPreflight,
    PendingTrial,
    Snapshot,
)
from app.models import AcpConnection, Container, ProtocolMigration
from app.protocol.states import (
    BEFORE_THE_SWITCH,
    ActionKind,
    Cause,
    ContainerStatus,
    MigrationPhase,
    Protocol,
)
from app.queries import (
    configuration_trials,
    connection_actions,
    containers,
    preflights,
    protocol_migrations,
    way_home,
)
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import ConfigurationTrial, ConnectionAction, Preflight


def load(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[Snapshot | None]:
    """Read containers, in the order of their ids; None for one that has been removed."""
    found = {each.id: each for each in containers.of_ids(session, container_ids)}
    known = _known(session, container_ids)
    under_way = protocol_migrations.open_of_many(session, container_ids)
    clock = _Clock(session)
    migrations = {each.container_id: _open_migration(each, found, clock) for each in under_way}
    actions = defaultdict(list)
    for action in connection_actions.pending_of_many(session, container_ids):
        actions[action.container_id].append(_pending(action))
    open_trials = configuration_trials.open_of_many(session, container_ids)
    trials = {each.container_id: _trial(each) for each in open_trials}
    dry_runs = preflights.open_of_many(session, container_ids)
    looks = {each.container_id: _preflight(each) for each in dry_runs}
    homes = _homes(session, [each for each in found.values() if each.id not in migrations], clock)
    return [
        _snapshot(
            found[each],
            migrations.get(each),
            actions[each],
            _Beside(trials.get(each), looks.get(each), homes.get(each)),
            new=each not in known,
        )
        if each in found
        else None
        for each in container_ids
    ]


def _snapshot(
    container: Container,
    migration: OpenMigration | None,
    actions: Sequence[PendingAction],
    beside: _Beside,
    *,
    new: bool,
) -> Snapshot:
    values = ConfigurationValues.of(container.configuration)
    return Snapshot(
        name=container.name,
        running=container.status == ContainerStatus.RUNNING,
        supported=frozenset(container.supported_protocols),
        prefers_acp=container.preferred_protocol == Protocol.ACP,
        new=new,
        protocol=Protocol(container.session.protocol_type),
        fallback_enabled=container.session.fallback_enabled,
        dialling=Dialling(
            endpoint_url=container.endpoint_url,
            acp_path=container.acp_path,
            credential=container.credential,
            compression_enabled=values.compression_enabled,
            encryption_level=values.encryption_level,
        ),
        configuration=values,
        migration=migration,
        home_in=beside.home_in,
        actions=actions,
        trial=beside.trial,
        preflight=beside.preflight,
    )


class _Beside(NamedTuple):
    """What is asked for beside the connection."""

    trial: PendingTrial | None
    preflight: PendingPreflight | None
    home_in: float | None


def _homes(session: Session, settled: Sequence[Container], clock: _Clock) -> Mapping[uuid.UUID, float | None]:
    """Say in how many seconds each returns to ACP; nothing is read for those of which nobody wishes it."""
    wishing = [each for each in settled if way_home.wishes(each)]
    if not wishing:
        return {}
    decided = way_home.of_many(session, wishing, clock.now)
    return {container_id: each.seconds(clock.now) for container_id, each in decided.items()}


def _preflight(preflight: Preflight) -> PendingPreflight:
    return PendingPreflight(id=preflight.id, to_protocol=Protocol(preflight.to_protocol))


def _trial(trial: ConfigurationTrial) -> PendingTrial:
    return PendingTrial(id=trial.id, values=ConfigurationValues.of_settings(trial.settings))


def _pending(action: ConnectionAction) -> PendingAction:
    return PendingAction(
        id=action.id,
        kind=ActionKind(action.kind),
        reason=action.reason,
        requested_by=action.requested_by,
        taken=action.taken_at is not None,
        open=action.open,
        holds=action.holds,
    )


def _known(session: Session, container_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of some containers were connected before, or have had a protocol migration."""
    connected = AcpConnection.container_id == Container.id, AcpConnection.transitions.any()
    known = or_(exists().where(*connected), exists().where(ProtocolMigration.container_id == Container.id))
    return set(session.scalars(select(Container.id).where(Container.id.in_(container_ids), known)))


class _Clock:
    """The database's, read once, and only if somebody wants to know."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def now(self) -> dt.datetime:
        moment: dt.datetime = self._session.scalars(select(func.clock_timestamp())).one()
        return moment


def _open_migration(
    migration: ProtocolMigration, found: Mapping[uuid.UUID, Container], clock: _Clock
) -> OpenMigration:
    wakes_in = _wakes_in(migration, found.get(migration.container_id), clock)
    return OpenMigration(
        id=migration.id,
        phase=MigrationPhase(migration.phase),
        from_protocol=Protocol(migration.from_protocol),
        to_protocol=Protocol(migration.to_protocol),
        cause=Cause(migration.cause),
        plan=migration.plan,
        measured=migration.measured,
        switch_asked_by=migration.switch_asked_by,
        cancelled=migration.cancel_asked_at is not None and migration.phase in BEFORE_THE_SWITCH,
        wakes_in=wakes_in,
        interruptible=wakes_in != 0 or (migration.interruptible and not migration.waiting),
    )


def _wakes_in(migration: ProtocolMigration, container: Container | None, clock: _Clock) -> float | None:
    """Say when it goes on; what could only wait on a protocol that is not supported any more does so now."""
    stays = container is not None and container.supports(migration.from_protocol)
    if not migration.waiting or not stays:
        return 0
    if migration.phase == MigrationPhase.PREPARED or migration.scheduled_at is None:
        return None
    return max(0.0, (migration.scheduled_at - clock.now).total_seconds())
