"""An explanation: what a stored reason or a code says in plain words, its likely cause, and the next step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import re2

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTICULAR: Final = re.compile(r"\{(\w*)[^}]*\}")
LONGEST: Final = 2000
"""Characters of a text that are looked at: as many as are stored of a reason."""


class Family(StrEnum):
    """Where a reason comes from; the reference page has a part for each."""

    ENDING = "How a connection ended"
    DIAL = "Why a dial failed"
    TLS = "TLS"
    CREDENTIAL = "Credentials"
    SYSTEM = "In the operating system's words"
    HANDSHAKE = "Handshake and health"
    FRAME = "Frames and missing messages"
    MIGRATION = "Protocol migrations"
    ROLLOUT = "Rollouts"
    ACTION = "What operators asked for"
    CALLER = "What callers are told"
    RPC = "JSON-RPC error codes"
    CLOSE = "WebSocket close codes"
    HTTP = "HTTP statuses"
    CONSOLE = "Errors of the console"


@dataclass(frozen=True)
class Explanation:
    """One reason or code.

    `code` is its name for ever: addresses have it. `text` is what is stored, with {particulars}, or a code's
    number; `former` are the texts of versions before, for what they stored. With `advised` the advice follows
    it there. Where the particular is `why`, a reason stands that has an explanation of its own.
    """

    code: str
    family: Family
    text: str
    cause: str
    advice: str
    says: str = ""
    former: tuple[str, ...] = ()
    advised: bool = False

    @property
    def sentence(self) -> str:
        """What is the case, in plain words."""
        return self.says or _PARTICULAR.sub("…", self.text).removesuffix(".")

    def match(self, stored: str) -> Mapping[str, str] | None:
        """Return the particulars of a stored text of this reason; None if it is another's."""
        for lead, pattern in self._patterns:
            if stored.startswith(lead) and (found := pattern.fullmatch(stored)) is not None:
                return {name: value or "" for name, value in found.groupdict().items()}
        return None

    @property
    def weight(self) -> int:
        """How much of the text is its own: of two that match, the heavier one is meant."""
        return len(_PARTICULAR.sub("", self.text))

    @cached_property
    def _patterns(self) -> list[tuple[str, re2._Regexp[str]]]:
        texts = (self.text, *self.former)
        return [
            (_PARTICULAR.split(text, maxsplit=1)[0], _pattern(text, advised=self.advised)) for text in texts
        ]


def _pattern(text: str, *, advised: bool) -> re2._Regexp[str]:
    """Compile a text with particulars; re2 takes linear time, whoever wrote what it is matched with."""
    parts, position, seen = [], 0, set()
    for each in _PARTICULAR.finditer(text):
        parts.append(re.escape(text[position : each.start()]))
        name = each[1]
        what = r".*?" if position or each.start() else r"\S+"  # what a text begins with is one word
        parts.append(what if not name or name in seen else f"(?P<{name}>{what})")
        seen.add(name)
        position = each.end()
    parts.append(re.escape(text[position:]))
    tail = "(?:; .*)?" if advised else "(?:; connect to .*)?"  # callers are told where else to go
    return re2.compile(f"(?s){''.join(parts)}{tail}")
