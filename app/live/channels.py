"""Topics with viewers: what of each is to be read anew, and the news that come of it.

The hub's thread calls `refresh`, a viewer's thread `missed`; both within an application context of their own.
"""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from app.errors import NotFound
from app.extensions import db
from app.live import recent
from app.live.fragments import fragment
from app.live.news import Fact, Row, Signal
from app.queries import containers, fleet_actions, messages, protocol_migrations

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterator, Sequence

    from app.live.fragments import Parameters
    from app.live.news import News, Place
    from app.live.viewer import Viewer
    from app.queries.configuration_revisions import RevisionFilter
    from app.queries.connection_list import ConnectionFilter
    from app.queries.fleet_sessions import SessionFilter
    from app.queries.paging import Where
    from app.queries.protocol_migrations import MigrationFilter
    from app.queries.statistics_view import View


class Bell(NamedTuple):
    """What a NOTIFY said: something about a container changed, or records of a connection were committed."""

    container_id: uuid.UUID
    connection_id: uuid.UUID | None = None


class RolloutBell(NamedTuple):
    """What a NOTIFY said: something about a rollout changed."""

    rollout_id: uuid.UUID


class Channel(ABC):
    """A topic somebody looks at. `every` is the least time between two readings, in seconds."""

    every: ClassVar[float] = 0.1

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self._due = 0.0
        self._stale = True
        self._shown: dict[str, str] = {}

    @abstractmethod
    def hear(self, bell: Bell) -> None:
        """Note what a bell makes stale."""

    def hear_rollout(self, bell: RolloutBell) -> None:  # noqa: B027 - most pages say nothing of rollouts
        """Note what the bell of a rollout makes stale: nothing but the pages of rollouts."""

    def hear_all(self) -> None:
        """Take everything for stale: bells may have been missed."""
        self._stale = True

    @property
    def stale(self) -> bool:
        return self._stale

    def _wait(self, seconds: float) -> None:
        """Leave it alone for longer than usual."""
        self._due = time.monotonic() + seconds

    def due_in(self) -> float:
        """Return in how many seconds it is to be read anew; infinite while nothing in it is stale."""
        return max(0.0, self._due - time.monotonic()) if self.stale else math.inf

    def refresh(self) -> list[News]:
        """Read what is stale and return what is new in it."""
        self._due = time.monotonic() + self.every
        if not self._stale:
            return []
        self._stale = False  # first: a bell that rings while this is read makes it stale again
        return self._changed(self._facts())

    def missed(self, _place: Place, *, first: bool) -> list[News]:
        """Return what a viewer must be told before news, having just said where it is."""
        return [Fact(html) for html in list(self._shown.values())] if first else []

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        """Name the fragments that a change of facts may change."""
        return ()

    def _changed(self, facts: Sequence[tuple[str, dict[str, Any]]]) -> list[News]:
        news: list[News] = []
        for name, subject in facts:
            html = str(fragment(name, **subject))
            if self._shown.get(name) != html:
                self._shown[name] = html
                news.append(Fact(html))
        return news


class Migrations(Channel):
    """The first page of the protocol migrations that a filter finds."""

    every = 1.0  # any container's change may concern it

    def __init__(self, narrowed: MigrationFilter, where: Where) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "where": where}

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is None

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("migrations", self._subject)]


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


class Beating(Channel):
    """What no bell rings for: it is read again after a while."""

    def hear(self, bell: Bell) -> None:
        """Nothing that a bell tells stands there."""

    @property
    def stale(self) -> bool:
        return True

    def refresh(self) -> list[News]:
        self._stale = True  # whenever it is due
        return super().refresh()


class Migration(Channel):
    """One protocol migration, phase by phase."""

    def __init__(self, migration_id: uuid.UUID) -> None:
        super().__init__()
        self._subject = {"migration_id": migration_id}
        self._container_id = protocol_migrations.get(db.session(), migration_id).container_id

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell == (self._container_id, None)

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("migration_standing", self._subject), ("migration_details", self._subject)]


class MigrationStart(Beating):
    """What a move of a container would meet and concern; that a lease has ended, no bell tells."""

    every = 1.0

    def __init__(self, container_id: uuid.UUID) -> None:
        super().__init__()
        self._subject = {"container_id": containers.get(db.session(), container_id).id}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("preflight", self._subject), ("blast", self._subject)]


class Gateways(Beating):
    """The gateways, with their heartbeats."""

    every = 2.0

    def __init__(self, sort: str) -> None:
        super().__init__()
        self._subject = {"sort": sort}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("gateways", self._subject)]


class Statistics(Beating):
    """Figures over a range that goes on with time; the rollups are seconds behind themselves."""

    every = 10.0

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("statistics", {"view": self._view})]


class Overview(Beating):
    """The fleet at a glance. Bells ring all the time for a fleet, so it is read again after a while."""

    every = 5.0  # with 10,000 containers a reading takes a third of a second

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        names = ("stuck", "figures", "rates", "losses", "gateways", "rollouts", "migrations")
        return [(f"overview_{name}", {}) for name in names]


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


class Sessions(Channel):
    """The fleet's sessions by their latest prompts, as narrowed."""

    every = 1.0  # any record may be a prompt, or end one

    def __init__(self, narrowed: SessionFilter) -> None:
        super().__init__()
        self._narrowed = narrowed

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is not None

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("fleet_sessions", {"narrowed": self._narrowed})]


class Connections(Channel):
    """The first page of the connections that a filter finds, and how many there are in each state."""

    every = 1.0  # any container's change may concern it

    def __init__(self, narrowed: ConnectionFilter, order: str, query: Parameters) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "order": order, "query": query}

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is None

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("connection_counts", {}), ("connection_list", self._subject)]


class Revisions(Channel):
    """The first page of the configuration revisions that a filter finds."""

    every = 1.0

    def __init__(self, narrowed: RevisionFilter, query: Parameters) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "query": query}

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is None

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("revisions", self._subject)]


class Containers(Channel):
    """The list: counts, and the lines of the containers that somebody's page shows."""

    every = 1.0  # nobody reads a list faster

    def __init__(self) -> None:
        super().__init__()
        self._rung: set[uuid.UUID] = set()
        self._lock = threading.Lock()

    def hear(self, bell: Bell) -> None:
        with self._lock:
            self._rung.add(bell.container_id)
            self._stale = self._stale or bell.connection_id is None

    def hear_all(self) -> None:
        super().hear_all()
        with self._lock:
            self._rung.update(*(viewer.place.shows for viewer in list(self.viewers)))

    @property
    def stale(self) -> bool:
        return self._stale or bool(self._rung)

    def refresh(self) -> list[News]:
        with self._lock:
            rung, self._rung = self._rung, set()
        recent.forget()
        looked_at = frozenset().union(*(viewer.place.shows for viewer in list(self.viewers)))
        return [*_lines(rung & looked_at), *super().refresh()]

    def missed(self, place: Place, *, first: bool) -> list[News]:
        return [*super().missed(place, first=first), *_lines(place.shows)]

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("container_counts", {})]


def _lines(container_ids: Collection[uuid.UUID]) -> Iterator[News]:
    for container_id in container_ids:
        try:
            yield Row(container_id, str(fragment("container_row", container_id=container_id)))
        except NotFound:
            yield Signal({"removed": str(container_id)})
