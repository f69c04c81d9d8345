"""What supervisors need to know of their containers, of many in one go."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import exists, func, or_, select

from app.models import AcpConnection, Container, ProtocolMigration
from app.protocol.endings import Ending
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
    from app.protocol.strategies import Plan


LONGEST_SLEEP: Final = 30.0
"""Seconds after which the database's clock is asked again: it may have been set meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMigration:
    """The protocol migration under way."""

    id: uuid.UUID
    phase: MigrationPhase
    from_protocol: Protocol
    to_protocol: Protocol
    cause: Cause
    plan: Plan
    measured: dict[str, Any] | None
    switch_asked_by: str | None
    cancelled: bool
    """Whether somebody has asked to cancel it; in time, or the service had refused."""
    wakes_in: float | None
    """Seconds until it goes on by the database's clock, None while it waits for a person; 0 is now."""
    interruptible: bool
    """Whether it stands in nobody's way: it waits, or is a first dial that has switched nothing yet."""

    @property
    def due(self) -> bool:
        """Whether there is something to do for it now."""
        return self.wakes_in == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAction:
    """Something an operator has asked for: open, or a disconnect that holds."""

    id: uuid.UUID
    kind: ActionKind
    reason: str
    requested_by: str
    taken: bool
    open: bool
    holds: bool

    @property
    def words(self) -> str:
        """The reason with which a connection ends for it."""
        return f"{self.kind} requested by {self.requested_by}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingTrial:
    """A changed configuration that somebody wants tried."""

    id: uuid.UUID
    values: ConfigurationValues


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPreflight:
    """A dry run that somebody wants."""

    id: uuid.UUID
    to_protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """What is settled when a connection is opened; a change of it needs another one."""

    endpoint_url: str
    acp_path: str
    credential: str | None
    compression_enabled: bool
    encryption_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A container as stored at one moment."""

    name: str
    running: bool
    supported: frozenset[str]
    prefers_acp: bool
    new: bool
    """It was never connected and has had no protocol migration."""
    protocol: Protocol
    fallback_enabled: bool
    dialling: Dialling
    configuration: ConfigurationValues
    migration: OpenMigration | None
    home_in: float | None
    """Seconds until it returns to ACP by itself after a fallback; 0 is now, None if it does not."""
    actions: Sequence[PendingAction]
    trial: PendingTrial | None
    preflight: PendingPreflight | None

    @property
    def open_actions(self) -> Sequence[PendingAction]:
        """What operators ask for now, the oldest first."""
        return [each for each in self.actions if each.open]

    @property
    def under_way(self) -> OpenMigration | None:
        """The protocol migration that is to be carried out now; one that waits changes nothing yet."""
        return self.migration if self.migration is not None and self.migration.due else None

    @property
    def wakes_in(self) -> float | None:
        """In how many seconds the rows are to be read anew, although nobody rings."""
        moment = self.migration.wakes_in if self.migration is not None else self.home_in
        return min(moment, LONGEST_SLEEP) if moment else None

    @property
    def hold(self) -> str | None:
        """Who holds it disconnected and why, None if nobody does."""
        return next((each.words for each in self.actions if each.holds), None)

    @property
    def withheld(self) -> str | None:
        """Why it must not be connected now, None if it may."""
        if not self.running:
            return Ending.STOPPED.told()
        if self.migration is not None and not self.migration.interruptible:
            return None  # it ends on one protocol or the other before anything else
        return self.hold

    @property
    def wants_first_dial(self) -> bool:
        """Whether it is to be brought up on ACP: it is new and prefers that, or can do nothing else."""
        on_http = self.protocol is Protocol.HTTP
        return on_http and (Protocol.HTTP not in self.supported or (self.new and self.prefers_acp))

    @property
    def settled(self) -> bool:
        """Whether it is to stay on its protocol."""
        return self.under_way is None and not self.wants_first_dial

    @property
    def goal(self) -> tuple[Dialling, Protocol]:
        """What the next dial is for."""
        if self.under_way is not None:
            return self.dialling, self.under_way.to_protocol
        return self.dialling, Protocol.ACP if self.wants_first_dial else self.protocol

    @property
    def may_fall_back(self) -> bool:
        """Whether a failing ACP connection may be given up for HTTP (data model: Fallback)."""
        return self.protocol is Protocol.ACP and self.fallback_enabled and Protocol.HTTP in self.supported


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
