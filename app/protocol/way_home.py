"""The way home: when a container that fell back to HTTP returns to ACP by itself, and when no longer.

Each failure doubles the wait before the next return, and after `max_attempts` returns a person has to look:
a container whose ACP does not hold is never moved there and back for ever.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import Invalid
from app.protocol.states import Cause
from app.protocol.stored import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY: Final = "way_home"
"""Where the wish stands in ContainerSession.protocol_metadata."""

DAY_SECONDS: Final = 86_400
MOST_ATTEMPTS: Final = 20
MOST_PAST: Final = 2 * MOST_ATTEMPTS + 2
"""Protocol migrations that a decision needs: a failure or two for each return, and what came before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayHome:
    """What an operator wishes: whether it returns, and how patiently.

    `stable_seconds` is how long HTTP has to hold first, `cool_down_seconds` the wait after the first failure.
    """

    wanted: bool = False
    stable_seconds: int = 300
    cool_down_seconds: int = 900
    max_attempts: int = 3

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed there."""
        for name, most in (
            ("stable_seconds", DAY_SECONDS),
            ("cool_down_seconds", DAY_SECONDS),
            ("max_attempts", MOST_ATTEMPTS),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise Invalid(name, f"a number from 1 to {most}")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> WayHome:
        """Read what `as_dict` gave. Raises Invalid as `stored.read` does."""
        return read(cls, values, KEY)

    @classmethod
    def stored(cls, metadata: Mapping[str, Any] | None) -> WayHome:
        """Read a session's metadata. A wish that breaks a rule is none: nothing is moved on a guess."""
        values = (metadata or {}).get(KEY)
        try:
            wish = cls.of(values if isinstance(values, dict) else {})
            wish.check()
        except Invalid:
            return cls()
        return wish


class Past(NamedTuple):
    """A protocol migration that has ended."""

    cause: Cause
    success: bool
    ended: dt.datetime


class Act(StrEnum):
    """What is to be done about it now."""

    GO = "go"
    WAIT = "wait"
    STAY = "stay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done now, in words; `at` is when it goes on, known only where it waits for a time."""

    act: Act
    words: str
    at: dt.datetime | None = None

    @property
    def told(self) -> str:
        """The words, with the time in UTC."""
        return f"{self.words} at {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at is not None else self.words

    def seconds(self, now: dt.datetime) -> float | None:
        """Return in how many seconds there is something to do; 0 is now, None is never as things stand."""
        if self.act is Act.GO:
            return 0.0
        return max(0.001, (self.at - now).total_seconds()) if self.at is not None else None


def stay(words: str) -> Decision:
    """Decide to leave it where it is."""
    return Decision(act=Act.STAY, words=words)


def decide(
    wish: WayHome, history: Sequence[Past], now: dt.datetime, http_since: dt.datetime | None
) -> Decision:
    """Decide for a container on HTTP, from what has ended, the oldest first.

    `http_since` is when it was connected over HTTP last, None while it is not connected.
    """
    if not wish.wanted:
        return stay("stays on HTTP after a fallback: a return is not wanted")
    moved = [each for each in history if each.success]
    if not moved or moved[-1].cause is not Cause.FALLBACK:
        return stay("stays on HTTP: it is not there because of a fallback")
    recent = _since_asked(history)
    returns = sum(each.cause is Cause.WAY_HOME for each in recent)
    if returns >= wish.max_attempts:
        return stay(f"stays on HTTP after {returns} {_returns(returns)}; migrate it by hand")
    if http_since is None:
        return Decision(act=Act.WAIT, words="returns to ACP once it has been connected over HTTP for a while")
    failures = [each for each in recent if _failed(each)]
    due = max(
        http_since + dt.timedelta(seconds=wish.stable_seconds),
        (failures or history)[-1].ended + _cool_down(wish, len(failures)),
    )
    if due <= now:
        return Decision(act=Act.GO, words="returns to ACP now")
    return Decision(act=Act.WAIT, words="returns to ACP", at=due)


def _since_asked(history: Sequence[Past]) -> Sequence[Past]:
    """Leave out all up to the last migration that somebody asked for, by hand or by a rollout."""
    own = (Cause.FALLBACK, Cause.WAY_HOME)
    asked = [place for place, each in enumerate(history, 1) if each.cause not in own]
    return history[asked[-1] if asked else 0 :]


def _failed(past: Past) -> bool:
    return past.success == (past.cause is Cause.FALLBACK)


def _cool_down(wish: WayHome, failures: int) -> dt.timedelta:
    return dt.timedelta(seconds=min(wish.cool_down_seconds * 2 ** max(0, failures - 1), DAY_SECONDS))


def _returns(number: int) -> str:
    return "return" if number == 1 else "returns"
