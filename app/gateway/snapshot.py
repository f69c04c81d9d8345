"""A snapshot: what a supervisor needs to know of its container, as stored at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.protocol.endings import Ending
from app.protocol.states import (
    Protocol,
)

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.protocol.states import (
        ActionKind,
        Cause,
        MigrationPhase,
    )
    from app.protocol.strategies import Plan
    from app.services.configurations import ConfigurationValues


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
