"""Topics with viewers: what of each is to be read anew, and the news that come of it.

The hub's thread calls `refresh`, a viewer's thread `missed`; both within an application context of their own.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from app.live.fragments import fragment
from app.live.news import Fact

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.live.news import News, Place
    from app.live.viewer import Viewer


class Bell(NamedTuple):
    """What a NOTIFY said: something about a container changed, or records of a connection were committed."""

    container_id: uuid.UUID
    connection_id: uuid.UUID | None = None

    def ring(self, channel: Channel) -> None:
        channel.hear(self)


class RolloutBell(NamedTuple):
    """What a NOTIFY said: something about a rollout changed."""

    rollout_id: uuid.UUID

    def ring(self, channel: Channel) -> None:
        channel.hear_rollout(self)


class FleetBell(NamedTuple):
    """What a NOTIFY said: something changed that every page may show."""

    def ring(self, channel: Channel) -> None:
        channel.hear_all()


AnyBell: TypeAlias = "Bell | RolloutBell | FleetBell"


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
        """Take everything for stale: bells may have been missed, or one has rung for all."""
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
