"""Every reason and code that the console can produce, explained: one table for pages, documents, commands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from app.protocol.endings import Ending
from app.protocol.explanations.calling import CALLER
from app.protocol.explanations.codes import CLOSE, HTTP, RPC
from app.protocol.explanations.console import CONSOLE
from app.protocol.explanations.dialling import DIAL, HANDSHAKE
from app.protocol.explanations.entry import LONGEST, Explanation, Family
from app.protocol.explanations.moving import ACTION, ENDING, MIGRATION
from app.protocol.explanations.recording import FRAME
from app.protocol.explanations.rollouts import ROLLOUT
from app.protocol.explanations.system import SYSTEM
from app.protocol.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["TABLE", "Explanation", "Family", "explain", "of_close", "of_http", "of_rpc", "search"]

_FAMILY_OF_REASON: Final = {"TLS": Family.TLS, "CREDENTIAL": Family.CREDENTIAL}
_DEEPEST: Final = 6
"""Reasons within reasons: `the dial failed: the health check failed: Connection refused`."""


def _slug(name: str) -> str:
    return name.lower().replace("_", "-")


_ALL: Final = (
    *(Explanation(_slug(e.name), Family.ENDING, e.sentence, e.meaning, e.advice) for e in Ending),
    *ENDING,
    *DIAL,
    *(
        Explanation(
            _slug(reason.name),
            _FAMILY_OF_REASON.get(reason.name.partition("_")[0], Family.DIAL),
            reason.sentence,
            reason.cause,
            reason.advice,
            advised=True,
        )
        for reason in Reason
    ),
    *(*SYSTEM, *HANDSHAKE, *FRAME, *MIGRATION, *ROLLOUT, *ACTION, *CALLER, *RPC, *CLOSE, *HTTP, *CONSOLE),
)
TABLE: Final[Mapping[str, Explanation]] = {each.code: each for each in _ALL}
"""Every explanation by its code."""

_TEXTS: Final = sorted(
    (each for each in _ALL if each.family not in {Family.RPC, Family.CLOSE, Family.HTTP, Family.CONSOLE}),
    key=lambda each: each.weight,
    reverse=True,
)
_OF_SERVERS: Final = range(-32099, -31999)
"""Codes that JSON-RPC 2.0 leaves to servers."""
_ADDRESS: Final = re.compile(r"[a-z]{2,5}://\S*: ")
_CODE_OF_AGENT: Final = re.compile(r"(?s).*\((-?\d{1,9})\)")


def explain(stored: str) -> Sequence[Explanation]:
    """Explain a stored reason: from what it says first to the innermost reason within; () if it is not ours.

    It is read from the text, so that what older versions stored is explained, too.
    """
    return _explain(stored[:LONGEST].strip())


@lru_cache(maxsize=4096)
def _explain(stored: str) -> tuple[Explanation, ...]:
    return tuple(_chain(stored, _DEEPEST))


def _chain(stored: str, deepest: int) -> Iterator[Explanation]:
    if not stored or not deepest:
        return
    for each in _TEXTS:
        found = each.match(stored)
        if found is not None:
            yield each
            yield from _within(found, deepest - 1)
            return
    if (address := _ADDRESS.match(stored)) is not None:  # `https://agents.example: Connection refused`
        yield from _chain(stored[address.end() :], deepest - 1)


def _within(found: Mapping[str, str], deepest: int) -> Iterator[Explanation]:
    """Explain what stands in a reason's particulars."""
    yield from _chain(found.get("why", "").removeprefix(": "), deepest)
    if found.get("status", "").isdecimal():
        yield of_http(int(found["status"]))
    if found.get("close", "").isdecimal():
        yield of_close(int(found["close"]))
    if (code := _CODE_OF_AGENT.fullmatch(found.get("detail", ""))) is not None:
        yield of_rpc(int(code[1]))


def of_rpc(code: Any) -> Explanation:
    """Explain a JSON-RPC error's code, whatever a stranger has put there."""
    if type(code) is not int:
        return TABLE["rpc-other"]
    return TABLE.get(f"rpc{code}") or TABLE["rpc-server" if code in _OF_SERVERS else "rpc-other"]


def of_close(code: int) -> Explanation:
    """Explain a WebSocket close code (RFC 6455, section 7.4)."""
    ranges = {3: "close-library", 4: "close-application"}
    return TABLE.get(f"close-{code}") or TABLE[ranges.get(code // 1000, "close-other")]


def of_http(status: int) -> Explanation:
    """Explain an HTTP status."""
    ranges = {3: "http-redirect", 4: "http-refused", 5: "http-failed"}
    return TABLE.get(f"http-{status}") or TABLE[ranges.get(status // 100, "http-odd")]


def search(words: str) -> Sequence[Explanation]:
    """Find what somebody has typed or pasted: a code, a stored text, or words of an explanation."""
    asked = words.strip()
    if (known := TABLE.get(asked.lower())) is not None:
        return (known,)
    exact = _numbered(asked) or explain(asked)
    if exact:
        return exact
    named = [each for each in _ALL if each.text.lower() == asked.lower()]
    if named:
        return named
    each_word = asked.lower().split()
    return [each for each in _ALL if each_word and all(word in _told(each) for word in each_word)]


def _numbered(asked: str) -> Sequence[Explanation]:
    if not re.fullmatch(r"-?[0-9]{3,6}", asked):
        return ()
    number = int(asked)
    if number < 0:
        return (of_rpc(number),)
    return (of_close(number),) if number >= 1000 else (of_http(number),)  # noqa: PLR2004 - HTTP has three digits


def _told(each: Explanation) -> str:
    return f"{each.code} {each.text} {each.sentence} {each.cause} {each.advice}".lower()
