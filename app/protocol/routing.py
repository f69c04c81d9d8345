"""Who takes what the container sends: sessions belong to callers (wire.md, Many callers, one connection)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.protocol.frames import RpcKind, session_settings
from app.protocol.message import CONTAINER
from app.protocol.pairing import OpenRequests
from app.protocol.sessions import HeldBack, Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from app.protocol.frames import Frame
    from app.protocol.pairing import OpenRequest
    from app.protocol.sessions import HeldSession

CREATING: Final = frozenset({"session/new", "session/fork"})
"""Requests whose answer names a session that is new."""
CLAIMING: Final = frozenset({"session/load", "session/resume"})
"""Requests that take a session over at once, because its history is sent before the answer."""


class Routing:
    """The callers that are there, their sessions, and every request that waits for its answer."""

    def __init__(self) -> None:
        self.callers: dict[str, str] = {}
        self.open = OpenRequests()
        self._sessions = Sessions()
        self._held = HeldBack()

    @property
    def sessions(self) -> list[str]:
        """Ids of the sessions of the callers that are there."""
        return self._sessions.of(self.callers)

    @property
    def held_sessions(self) -> list[HeldSession]:
        """The sessions of the callers that are there, with what each was made with."""
        return self._sessions.held(self.callers)

    def knows(self, session_id: str) -> bool:
        """Tell whether anybody was seen with a session, be they gone by now."""
        return self._sessions.knows(session_id)

    @property
    def given(self) -> int:
        """Grows whenever a session is given to a caller."""
        return self._sessions.given

    def owner(self, session_id: str) -> str | None:
        """Return the caller that has the session, or None if it is gone or was never known."""
        owner = self._sessions.owner(session_id)
        return owner if owner in self.callers else None

    def settings(self, request: Frame) -> Mapping[str, msgspec.Raw] | None:
        """Return what a request's session is made with, if it makes or takes up one."""
        return session_settings(request) if request.method in CREATING | CLAIMING else None

    def claim(self, key: str, frame: Frame) -> str | None:
        """Give the frame's session to who uses it, if that is allowed; return whom it was taken from."""
        session_id = frame.session_id
        owner = self.owner(session_id) if session_id is not None else None
        if session_id is None or owner == key or (owner is not None and frame.method not in CLAIMING):
            return None
        self._sessions.give(session_id, key)
        return owner

    def settle(self, asked: OpenRequest, answer: Frame) -> list[str]:
        """Draw the consequences of an answer for sessions; return the texts kept back for a new one."""
        if asked.displaced in self.callers and answer.kind is RpcKind.ERROR and asked.session_id is not None:
            self._sessions.give(asked.session_id, asked.displaced)
        if answer.kind is RpcKind.RESPONSE and asked.method in CLAIMING and asked.session_id is not None:
            self._sessions.keep_settings(asked.session_id, asked.settings)
        if asked.method not in CREATING:
            return []
        released = self._created(asked, answer.session_id) if answer.kind is RpcKind.RESPONSE else []
        if not self._creators():
            self._held.clear()
        return released

    def taker(self, request: Frame) -> str | None:
        """Return the caller that is to answer a request of the agent's, None if there is nobody to ask."""
        if request.session_id is None:
            return _only(list(self.callers))
        return self.owner(request.session_id) or (None if self._known(request) else _only(self._creators()))

    def hold(self, update: Frame) -> bool:
        """Keep back an update whose session is being created; False if it is not, or there is no room."""
        if update.session_id is None or self._known(update) or not self._creators():
            return False
        return self._held.hold(update.session_id, update.text)

    def drop_open(self) -> list[OpenRequest]:
        """Take out all open requests: the container they wait for is gone."""
        dropped = list(self.open)
        self.open = OpenRequests()
        self._held.clear()
        return dropped

    def _created(self, asked: OpenRequest, session_id: str | None) -> list[str]:
        if session_id is None:
            return []
        if asked.wanted:
            self._sessions.give(session_id, asked.asker)
            self._sessions.keep_settings(session_id, asked.settings)
        return self._held.release(session_id) if asked.wanted else []

    def _known(self, frame: Frame) -> bool:
        return frame.session_id is not None and self._sessions.owner(frame.session_id) is not None

    def _creators(self) -> list[str]:
        """List the callers that wait for a session; an agent may call such methods too, for nothing."""
        asked = (each for each in self.open if each.answerer == CONTAINER and each.wanted)
        return [each.asker for each in asked if each.method in CREATING]


def _only(keys: Sequence[str]) -> str | None:
    return keys[0] if len(set(keys)) == 1 else None
