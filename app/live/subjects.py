"""The topics of one thing each: a configuration, a protocol migration, a message, a session and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.extensions import db
from app.live.channels import Beating, Channel
from app.queries import containers, fleet_actions, messages, protocol_migrations

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.live.channels import Bell


class Configuration(Channel):
    """A container's configuration: its revisions, and what came of trials."""

    _names = ("configuration_revisions", "configuration_trials")

    def __init__(self, container_id: uuid.UUID) -> None:
        super().__init__()
        self._container_id = container_id

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell == (self._container_id, None)

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [(name, {"container_id": self._container_id}) for name in self._names]


class Migration(Channel):
    """One protocol migration, phase by phase."""

    def __init__(self, migration_id: uuid.UUID) -> None:
        super().__init__()
        self._subject = {"migration_id": migration_id}
        self._container_id = protocol_migrations.get(db.session(), migration_id).container_id

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell == (self._container_id, None)

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        names = ("migration_standing", "migration_buttons", "migration_details")
        return [(name, self._subject) for name in names]


class MigrationStart(Beating):
    """What a move of a container would meet and concern; that a lease has ended, no bell tells."""

    every = 1.0

    def __init__(self, container_id: uuid.UUID) -> None:
        super().__init__()
        self._subject = {"container_id": containers.get(db.session(), container_id).id}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("preflight", self._subject), ("blast", self._subject)]


class Message(Channel):
    """One record: what answers it, and what is committed beside it."""

    def __init__(self, message_id: uuid.UUID) -> None:
        super().__init__()
        self._message_id = message_id
        self._connection_id = messages.get(db.session(), message_id).connection_id

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id == self._connection_id

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [(name, {"message_id": self._message_id}) for name in ("message_pair", "message_around")]


class Conversation(Channel):
    """A container's session, read anew as a whole: a chunk that comes changes a step that is there."""

    every = 0.5

    def __init__(self, container_id: uuid.UUID, session_id: str, view: str = "") -> None:
        super().__init__()
        self._subject = {"container_id": container_id, "session_id": session_id, "view": view}

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.container_id == self._subject["container_id"]

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("conversation", self._subject)]


class FleetAction(Channel):
    """An action on many containers: any of them may be heard of, so that it is read anew after a while."""

    every = 1.0

    def __init__(self, fleet_action_id: uuid.UUID) -> None:
        super().__init__()
        self._subject = {"fleet_action_id": fleet_actions.get(db.session(), fleet_action_id).id}

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is None

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("fleet_action", self._subject)]
