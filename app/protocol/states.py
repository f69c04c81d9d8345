"""The words of the data model and the legal moves between them, each written once.

The enums and tables here feed the services, the CHECK constraints and triggers of the database, the forms
and the documentation's diagrams, so that all of them know the same rules.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from app.errors import IllegalMove

if TYPE_CHECKING:
    from collections.abc import Mapping


class Protocol(StrEnum):
    """A protocol identifier (data model: ContainerSession.protocolType, Container.supportedProtocols)."""

    HTTP = "http"
    ACP = "acp"


class ConnectionStatus(StrEnum):
    """AcpConnection.status."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    RECONNECTING = "reconnecting"


class Direction(StrEnum):
    """AcpMessage.direction: outbound is gateway to container, inbound container to gateway."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"

    @property
    def opposite(self) -> Direction:
        return Direction.OUTBOUND if self is Direction.INBOUND else Direction.INBOUND


class MessageType(StrEnum):
    """AcpMessage.messageType."""

    CONNECT = "connect"
    MESSAGE = "message"
    EVENT = "event"
    COMMAND = "command"
    STATUS = "status"
    DISCONNECT = "disconnect"


class EncryptionLevel(StrEnum):
    """AcpConnectionConfiguration.encryptionLevel."""

    NONE = "none"
    STANDARD = "standard"
    HIGH = "high"


class MigrationPhase(StrEnum):
    """How far a protocol migration has come; the last three are final, the others resume after a restart."""

    PENDING = "pending"
    PREFLIGHT = "preflight"
    PREPARED = "prepared"
    DRAINING = "draining"
    SWITCHING = "switching"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class Cause(StrEnum):
    """What asked for a protocol migration."""

    OPERATOR = "operator"
    FIRST_DIAL = "first_dial"
    FALLBACK = "fallback"
    ROLLBACK = "rollback"
    ROLLOUT = "rollout"
    WAY_HOME = "way_home"


class ActionKind(StrEnum):
    """What an operator may ask of a container's connection."""

    RECONNECT = "reconnect"
    DISCONNECT = "disconnect"
    PROBE = "probe"


class ContainerStatus(StrEnum):
    """What the container management says of a container; the gateway dials only those that run."""

    RUNNING = "running"
    STOPPED = "stopped"


# Data model, AcpConnection, State Transitions 1–5. "Terminal: any → disconnected" is written out.
CONNECTION_MOVES: Final[Mapping[ConnectionStatus, frozenset[ConnectionStatus]]] = {
    ConnectionStatus.DISCONNECTED: frozenset({ConnectionStatus.CONNECTED}),
    ConnectionStatus.CONNECTED: frozenset({ConnectionStatus.DISCONNECTED, ConnectionStatus.ERROR}),
    ConnectionStatus.ERROR: frozenset({ConnectionStatus.RECONNECTING, ConnectionStatus.DISCONNECTED}),
    ConnectionStatus.RECONNECTING: frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED}),
}

ENDS: Final = (ConnectionStatus.ERROR, ConnectionStatus.DISCONNECTED)
"""What a connection is moved to when it is lost or ended."""

# What has switched nothing yet ends as failed; what has begun to switch goes back by way of rolling back.
MIGRATION_MOVES: Final[Mapping[MigrationPhase, frozenset[MigrationPhase]]] = {
    MigrationPhase.PENDING: frozenset({MigrationPhase.PREFLIGHT, MigrationPhase.FAILED}),
    MigrationPhase.PREFLIGHT: frozenset(
        {MigrationPhase.PREPARED, MigrationPhase.DRAINING, MigrationPhase.SWITCHING, MigrationPhase.FAILED}
    ),
    MigrationPhase.PREPARED: frozenset(
        {MigrationPhase.DRAINING, MigrationPhase.SWITCHING, MigrationPhase.FAILED}
    ),
    MigrationPhase.DRAINING: frozenset({MigrationPhase.SWITCHING, MigrationPhase.FAILED}),
    MigrationPhase.SWITCHING: frozenset({MigrationPhase.VERIFYING, MigrationPhase.ROLLING_BACK}),
    MigrationPhase.VERIFYING: frozenset({MigrationPhase.COMPLETED, MigrationPhase.ROLLING_BACK}),
    MigrationPhase.ROLLING_BACK: frozenset({MigrationPhase.ROLLED_BACK}),
    MigrationPhase.COMPLETED: frozenset(),
    MigrationPhase.FAILED: frozenset(),
    MigrationPhase.ROLLED_BACK: frozenset(),
}

BEFORE_THE_SWITCH: Final = frozenset(
    {
        MigrationPhase.PENDING,
        MigrationPhase.PREFLIGHT,
        MigrationPhase.PREPARED,
        MigrationPhase.DRAINING,
    }
)
"""The phases in which a protocol migration can be cancelled: nothing has been switched."""

# semver.org, the grammar's suggested expression without its named groups; PostgreSQL reads it as it is.
SEMVER: Final = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)
_SEMVER_MATCH = re.compile(SEMVER.removesuffix("$")).fullmatch


def is_semver(version: str) -> bool:
    """Tell whether a version follows semantic versioning (data model: AcpConnection.version)."""
    return _SEMVER_MATCH(version) is not None


def check_connection_move(current: ConnectionStatus, target: ConnectionStatus) -> None:
    """Raise `IllegalMove` unless the data model lists the move of a connection's status."""
    if target not in CONNECTION_MOVES[current]:
        raise IllegalMove("connection status", current, target)


def check_migration_move(current: MigrationPhase, target: MigrationPhase) -> None:
    """Raise `IllegalMove` unless a protocol migration may go from one phase to the other."""
    if target not in MIGRATION_MOVES[current]:
        raise IllegalMove("protocol migration phase", current, target)
