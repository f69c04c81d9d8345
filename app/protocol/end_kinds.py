"""The kinds of ends: each stored reason of a lost or ended connection belongs to one, told in plain words.

A reason has particulars, so that no two need be equal; what is counted, filtered and explained is its kind.
The patterns are SQL's LIKE, so that the database and `of_reason` sort alike.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.endings import CLOSE_CODES, NETWORK, PEER, US, Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDES: Final[Mapping[str, str]] = {US: "this console", PEER: "the container", NETWORK: "the network"}
"""Who ended a connection, in the words of the pages."""

PEER_CODE: Final = f"{PEER}-"
"""What the kinds of a container's own close codes begin with."""


class EndKind(NamedTuple):
    """A kind: its word in URLs, who ended it, a title, what it means, what to do, its reasons' patterns."""

    word: str
    by: str
    title: str
    meaning: str
    advice: str
    patterns: tuple[str, ...]


def _of(ending: Ending) -> EndKind:
    sentence = re.sub(r"([%_\\])", r"\\\1", ending.sentence)
    title = re.sub(r"[:;,]?( for| within| after)? ?\{[^}]*\}( s\b| attempts)?:?", "", ending.sentence)
    pattern = re.sub(r"\{[^}]*\}", "%", sentence)
    return EndKind(
        ending.name.lower().replace("_", "-"),
        ending.by,
        title,
        ending.meaning,
        ending.advice,
        (pattern,),
    )


_OTHERS: Final = (
    EndKind(
        "asked",
        US,
        "an operator asked for it",
        "somebody disconnected or reconnected it from this console",
        "nothing; the reason says who and why",
        ("reconnect requested by %", "disconnect requested by %"),
    ),
    EndKind(
        "migration",
        US,
        "a protocol migration took its place",
        "the container moved between HTTP and ACP, or back",
        "nothing; the protocol migration says why",
        ("protocol migration to %",),
    ),
    EndKind(
        "health",
        US,
        "the HTTP health check failed",
        "a container on HTTP did not answer its health check, or not with 200",
        "look into the container's own log",
        ("the health check %",),
    ),
)
KINDS: Final[Mapping[str, EndKind]] = {each.word: each for each in (*map(_of, Ending), *_OTHERS)}
"""All that have reasons of ours, by their words; whatever else is stored, the container has said itself."""


def peer(code: int | None) -> EndKind:
    """Return the kind of a container that closed the connection itself, with a code where one is known."""
    known = CLOSE_CODES.get(code) if code is not None else None
    word = f"{PEER_CODE}{code}" if code is not None else PEER
    title = "the container closed it" + (f" with {code}" if code is not None else "")
    meaning = known.meaning if known else "in the container's own words"
    advice = known.advice if known else "look into the container's log"
    return EndKind(word, PEER, title, meaning, advice, ())


def of_reason(reason: str, by: str | None = None, code: int | None = None) -> EndKind:
    """Sort a stored reason; `by` and `code` are those stored beside it, None in rows of an older version."""
    if by != PEER:
        for kind in KINDS.values():
            if any(_like(pattern).fullmatch(reason) for pattern in kind.patterns):
                return kind
    return peer(code)


def of_word(word: str) -> EndKind | None:
    """Return the kind that a URL names; None for a word that is none."""
    if word == PEER:
        return peer(None)
    if re.fullmatch(PEER_CODE + "[0-9]{1,4}", word):
        return peer(int(word.removeprefix(PEER_CODE)))
    return KINDS.get(word)


@cache
def _like(pattern: str) -> re.Pattern[str]:
    literal = (re.escape(re.sub(r"\\(.)", r"\1", part)) for part in pattern.split("%"))
    return re.compile(".*".join(literal), re.DOTALL)
