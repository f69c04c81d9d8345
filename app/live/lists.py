"""The topics of lists: the first page of what a filter finds, read once a second: nobody reads faster."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from app.errors import NotFound
from app.live import recent
from app.live.channels import Channel
from app.live.fragments import fragment
from app.live.news import Row, Signal

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterator, Sequence

    from app.live.channels import Bell
    from app.live.fragments import Parameters
    from app.live.news import News, Place
    from app.queries.configuration_revisions import RevisionFilter
    from app.queries.connection_filter import ConnectionFilter
    from app.queries.fleet_sessions import SessionFilter
    from app.queries.paging import Where
    from app.queries.protocol_migrations import MigrationFilter


class _OfFacts(Channel):
    """A list that any container's change may concern; records do not."""

    every = 1.0

    def hear(self, bell: Bell) -> None:
        self._stale = self._stale or bell.connection_id is None


class Migrations(_OfFacts):
    """The protocol migrations."""

    def __init__(self, narrowed: MigrationFilter, where: Where) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "where": where}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("migrations", self._subject)]


class Connections(_OfFacts):
    """The connections, and how many there are in each state."""

    def __init__(self, narrowed: ConnectionFilter, order: str, query: Parameters) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "order": order, "query": query}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("connection_counts", {}), ("connection_list", self._subject)]


class Revisions(_OfFacts):
    """The configuration revisions."""

    def __init__(self, narrowed: RevisionFilter, query: Parameters) -> None:
        super().__init__()
        self._subject = {"narrowed": narrowed, "query": query}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("revisions", self._subject)]


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


class Containers(Channel):
    """The list: counts, and the lines of the containers that somebody's page shows."""

    every = 1.0

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
