"""What the supervisor needs to know of its container, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.errors import NotFound
from app.models import AcpConnection, ProtocolMigration
from app.protocol.endings import Ending
from app.protocol.states import ActionKind, ContainerStatus, MigrationPhase, Protocol
from app.queries import connection_actions, containers, protocol_migrations
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import ConnectionAction


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMigration:
    """The protocol migration under way."""

    id: uuid.UUID
    phase: MigrationPhase
    from_protocol: Protocol
    to_protocol: Protocol
    interruptible: bool
    """Whether it is a first dial that has switched nothing yet."""


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
    actions: Sequence[PendingAction]

    @property
    def open_actions(self) -> Sequence[PendingAction]:
        """What operators ask for now, the oldest first."""
        return [each for each in self.actions if each.open]

    @property
    def withheld(self) -> str | None:
        """Why it must not be connected now, None if it may."""
        if not self.running:
            return Ending.STOPPED.told()
        if self.migration is not None and not self.migration.interruptible:
            return None  # it ends on one protocol or the other before anything else
        return next((each.words for each in self.actions if each.holds), None)

    @property
    def wants_first_dial(self) -> bool:
        """Whether it is to be brought up on ACP: it is new and prefers that, or can do nothing else."""
        on_http = self.protocol is Protocol.HTTP
        return on_http and (Protocol.HTTP not in self.supported or (self.new and self.prefers_acp))

    @property
    def settled(self) -> bool:
        """Whether it is to stay on its protocol."""
        return self.migration is None and not self.wants_first_dial

    @property
    def goal(self) -> tuple[Dialling, Protocol]:
        """What the next dial is for."""
        if self.migration is not None:
            return self.dialling, self.migration.to_protocol
        return self.dialling, Protocol.ACP if self.wants_first_dial else self.protocol

    @property
    def may_fall_back(self) -> bool:
        """Whether a failing ACP connection may be given up for HTTP (data model: Fallback)."""
        return self.protocol is Protocol.ACP and self.fallback_enabled and Protocol.HTTP in self.supported


def load(session: Session, container_id: uuid.UUID) -> Snapshot | None:
    """Read a container; None when it has been removed."""
    try:
        container = containers.get(session, container_id)
    except NotFound:
        return None
    values = ConfigurationValues.of(container.configuration)
    return Snapshot(
        name=container.name,
        running=container.status == ContainerStatus.RUNNING,
        supported=frozenset(container.supported_protocols),
        prefers_acp=container.preferred_protocol == Protocol.ACP,
        new=_is_new(session, container_id),
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
        migration=_open_migration(session, container_id),
        actions=[_pending(each) for each in connection_actions.pending(session, container_id)],
    )


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


def _is_new(session: Session, container_id: uuid.UUID) -> bool:
    connected = select(AcpConnection.id).where(
        AcpConnection.container_id == container_id, AcpConnection.transitions.any()
    )
    migrated = select(ProtocolMigration.id).where(ProtocolMigration.container_id == container_id)
    return session.scalar(connected.limit(1)) is None and session.scalar(migrated.limit(1)) is None


def _open_migration(session: Session, container_id: uuid.UUID) -> OpenMigration | None:
    migration = protocol_migrations.open_of(session, container_id)
    if migration is None:
        return None
    return OpenMigration(
        id=migration.id,
        phase=MigrationPhase(migration.phase),
        from_protocol=Protocol(migration.from_protocol),
        to_protocol=Protocol(migration.to_protocol),
        interruptible=migration.interruptible,
    )
