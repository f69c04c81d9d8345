"""The language in which people say which messages they look for.

Terms are joined by "and": `dir:in type:event method:session/update status:error "some text" -type:status`.
A term is `field:value`, or text to be found in the payload; a minus before it turns it around, quotes keep
spaces and colons together. Terms of one field that are not turned around are alternatives: `type:event
type:status` finds both.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import Invalid
from app.protocol.frames import RpcKind
from app.protocol.states import Direction, MessageType
from app.queries.moments import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEXT: Final = "text"
"""The field of a term that names none."""
FIELDS: Final[Mapping[str, str]] = {
    "dir": "in or out",
    "type": "a message type, such as event",
    "kind": "request, response, notification …",
    "method": "a JSON-RPC method; * stands for anything",
    "status": "error, ok, unanswered or undelivered",
    "id": "a JSON-RPC id",
    "session": "an agent's session id",
    "caller": "a caller's name",
    "container": "a container's name; * stands for anything",
    "connection": "a connection's id",
    "took": "milliseconds, such as >500",
    "size": "bytes, such as >1024",
    "after": "a time, such as 2026-11-24T10:00 (UTC unless it says +02:00), or how long ago, such as -15m",
    "before": "as after",
    "since": "the same as after",
    "until": "the same as before",
}
"""Each field with what its value may be, in words."""
SINCE: Final = frozenset({"after", "since"})
UNTIL: Final = frozenset({"before", "until"})
"""Fields that bound the time, from below and from above."""
STATUSES: Final = ("error", "ok", "unanswered", "undelivered")
LONGEST: Final = 1000
MOST_TERMS: Final = 20

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "dir": {"in": Direction.INBOUND, "out": Direction.OUTBOUND} | {each: each for each in Direction},
    "type": {each: each for each in MessageType},
    "kind": {each: each for each in RpcKind},
    "status": {each: each for each in STATUSES},
}
"""The fields that take certain words only, with what each word stands for."""
_PATTERNS: Final = {
    "took": re.compile(r"(?:[<>]=?)?[0-9]{1,9}"),
    "size": re.compile(r"(?:[<>]=?)?[0-9]{1,9}"),
    "connection": re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
}
_TOKEN: Final = re.compile(
    r"""(?P<minus>-)?(?:(?P<field>[A-Za-z]+):)?(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<bare>[^\s"]\S*+))(?=\s|$)"""
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED: Final = re.compile(r"\\(.)")
_PLAIN: Final = re.compile(r"[^\s\":\\-][^\s\":\\]*")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `value` is as it was written, without quotes."""

    field: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        """Write the term so that it is read as it is."""
        value = self.value
        plain = _PLAIN.fullmatch(value) if self.field == TEXT else value and not re.search(r'[\s"\\]', value)
        if not plain:
            value = '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
        return f"{'-' if self.negated else ''}{'' if self.field == TEXT else self.field + ':'}{value}"

    @property
    def meaning(self) -> str:
        """The stored word that the written one stands for, such as `inbound` for `in`."""
        return _WORDS.get(self.field, {}).get(self.value, self.value)


def parse(written: str) -> tuple[Term, ...]:
    """Read a filter; the same term twice counts once.

    Raises:
        Invalid: for the field `filter`, with what is allowed.
    """
    if len(written) > LONGEST:
        raise _invalid(f"must not be longer than {LONGEST} characters")
    if _CONTROL.search(written):
        raise _invalid("must not have control characters")
    terms: dict[Term, None] = {}
    position = 0
    while written[position:].strip():
        position += len(written[position:]) - len(written[position:].lstrip())
        found = _TOKEN.match(written, position)
        if found is None:
            raise _invalid(
                f"cannot be read from {written[position : position + 20]!r} on; is a quote not closed?"
            )
        terms[_term(found)] = None
        position = found.end()
    if len(terms) > MOST_TERMS:
        raise _invalid(f"must not have more than {MOST_TERMS} terms")
    return tuple(terms)


def fixed(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Put times in the place of how long ago: what takes its time to be read must not move meanwhile."""

    def fix(term: Term) -> Term:
        if term.field not in SINCE | UNTIL:
            return term
        return Term(term.field, f"{moment(term.value):%Y-%m-%dT%H:%M:%S.%f}Z", term.negated)

    return tuple(map(fix, terms))


def write(terms: tuple[Term, ...]) -> str:
    """Write terms as a filter: what `parse` reads back."""
    return " ".join(map(str, terms))


def _term(found: re.Match[str]) -> Term:
    quoted = found["quoted"]
    value = found["bare"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
    field = (found["field"] or TEXT).lower()
    if field != TEXT and field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, n=1)
        hint = f"did you mean {near[0]}:?" if near else f"there are {', '.join(FIELDS)}"
        raise _invalid(f'has no field {field}: ({hint}); to find it as text, write "{field}:…" in quotes')
    if not value:
        raise _invalid(f"has nothing after {field}:" if field != TEXT else "looks for an empty text")
    _check(field, value)
    return Term(field, value, bool(found["minus"]))


def _check(field: str, value: str) -> None:
    words, pattern = _WORDS.get(field), _PATTERNS.get(field)
    if words is not None and value not in words:
        raise _invalid(f"cannot have {field}:{value}; it may be {', '.join(words)}")
    fits = (pattern is None or pattern.fullmatch(value)) and (field not in SINCE | UNTIL or _is_time(value))
    if not fits:
        raise _invalid(f"cannot have {field}:{value}; it takes {_says(field)}")


def _says(field: str) -> str:
    return FIELDS["after"] if field in SINCE | UNTIL else FIELDS[field]


def _is_time(value: str) -> bool:
    try:
        moment(value)
    except (ValueError, OverflowError):  # OverflowError: before the year 1 once its zone is taken off
        return False
    return True


def _invalid(problem: str) -> Invalid:
    return Invalid("filter", problem)
