"""Which caller a session belongs to, and updates that come before anybody knows."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from app.protocol.frames import SESSION_SETTINGS
from app.protocol.scrubbing import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

MAX_SESSIONS: Final = 10_000
"""Sessions remembered for a container; the one unused for longest is forgotten first (2 MB when full)."""
MAX_SETTINGS_LENGTH: Final = 1024 * 1024
"""Bytes kept of what a container's sessions were made with; sessions beyond it cannot be carried over."""
MAX_OTHERS: Final = 50
"""Sessions that nobody has used since a gateway before this one: so many, the latest, are taken up."""
MAX_HELD: Final = 64
"""Texts kept back while sessions are being created; agents send one to three before their answer."""
MAX_HELD_LENGTH: Final = 16 * 1024 * 1024
"""Characters kept back in all: the largest frame that is accepted still fits."""


class HeldSession(NamedTuple):
    """A session of a caller that is there, and what it was made with; None where that is not known."""

    session_id: str
    settings: Mapping[str, msgspec.Raw] | None


class RecordedSession(NamedTuple):
    """A session as the records have it: the label of who made it, or took it up last, and with what."""

    session_id: str
    caller: str | None
    settings: Mapping[str, msgspec.Raw] | None

    @classmethod
    def of(cls, session_id: str, caller: str | None, params: object) -> RecordedSession:
        """Read a request's recorded params; what was redacted in them is not known any more."""
        found = params if isinstance(params, dict) else {}
        settings = {name: _raw(found[name]) for name in SESSION_SETTINGS if name in found}
        lost = any(marked(bytes(each).decode()) for each in settings.values())
        return cls(session_id, caller, None if lost else settings or None)


def joined(
    held: Sequence[HeldSession],
    recorded: Iterable[RecordedSession],
    callers: Container[str],
    knows: Callable[[str], bool],
) -> list[HeldSession]:
    """Add to the sessions of the callers that are there what a gateway before this one saw made.

    It tells what theirs were made with, and of sessions that nobody has used since, it `knows` none of them,
    that they are of somebody who is there: by `callers`, their labels, for that is all that is recorded.
    """
    made = {each.session_id: each for each in recorded}
    known = {each.session_id for each in held}
    told = [
        each._replace(settings=made[each.session_id].settings)
        if each.settings is None and each.session_id in made
        else each
        for each in held
    ]
    others = [
        HeldSession(each.session_id, each.settings)
        for each in made.values()
        if each.session_id not in known and each.caller in callers and not knows(each.session_id)
    ]
    return told + others[-MAX_OTHERS:]


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


class Sessions:
    """Owners of sessions by session id, and what they were made with."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._settings: dict[str, Mapping[str, msgspec.Raw]] = {}
        self._settings_length = 0
        self.given = 0
        """How often one was given to somebody: where it has not grown, nobody's sessions are others."""

    def of(self, keys: Container[str]) -> list[str]:
        """Return the ids of the sessions that belong to some callers."""
        return [session_id for session_id, key in self._owners.items() if key in keys]

    def owner(self, session_id: str) -> str | None:
        """Return the key of the caller that the session belongs to, which may be gone by now."""
        if session_id not in self._owners:
            return None
        self._owners.move_to_end(session_id)
        return self._owners[session_id]

    def knows(self, session_id: str) -> bool:
        """Tell whether anybody was seen with a session, be they gone by now."""
        return session_id in self._owners

    def give(self, session_id: str, key: str) -> None:
        """Let a session belong to a caller from now on."""
        self._owners[session_id] = key
        self.given += 1
        self._owners.move_to_end(session_id)
        if len(self._owners) > MAX_SESSIONS:
            forgotten, _ = self._owners.popitem(last=False)
            self.keep_settings(forgotten, None)

    def keep_settings(self, session_id: str, settings: Mapping[str, msgspec.Raw] | None) -> None:
        """Remember what a session was made with, in place of what is known of it, if there is room."""
        self._settings_length -= _length(self._settings.pop(session_id, {}))
        if settings and self._settings_length + _length(settings) <= MAX_SETTINGS_LENGTH:
            self._settings[session_id] = settings
            self._settings_length += _length(settings)

    def held(self, keys: Container[str]) -> list[HeldSession]:
        """Return the sessions that belong to some callers."""
        return [HeldSession(each, self._settings.get(each)) for each in self.of(keys)]


def _length(settings: Mapping[str, msgspec.Raw]) -> int:
    return sum(len(bytes(each)) for each in settings.values())


class HeldBack:
    """Texts for sessions of which no caller has heard yet: the answer that names them is still to come."""

    def __init__(self) -> None:
        self._texts: list[tuple[str, str]] = []

    def hold(self, session_id: str, text: str) -> bool:
        """Keep a text back; False if there is no room left."""
        length = sum(len(held) for _, held in self._texts) + len(text)
        if len(self._texts) >= MAX_HELD or length > MAX_HELD_LENGTH:
            return False
        self._texts.append((session_id, text))
        return True

    def release(self, session_id: str) -> list[str]:
        """Take out the texts of a session, in their order."""
        released = [text for held, text in self._texts if held == session_id]
        self._texts = [(held, text) for held, text in self._texts if held != session_id]
        return released

    def clear(self) -> None:
        """Drop all texts: no answer is awaited any more that could name their sessions."""
        self._texts.clear()
