"""Redaction of free text: secrets by the name they have, by what stands around them, and by their form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from app.protocol.assignments import Assignments
from app.protocol.contexts import CONTEXTS, PRIVATE_KEY
from app.protocol.redaction_rules import FORMS
from app.protocol.secrets import MAX_CACHED, MOST_FINDS, TooMany, compiled, finds, has_long_run, relaxed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import re2

    from app.protocol.secrets import Secrets


_MARKER: Final = re.compile(r"«[a-z][a-z0-9 ]{0,30}, [0-9,]{1,15} characters?»")
_MARKER_OR_NOT: Final = re.compile(rf"{_MARKER.pattern}|«|[^«]++")
_HALF: Final = re.compile("[\ud800-\udfff]")
# Below this length lie hashes, ids and paths; base64 in lines (MIME, PEM bodies) counts from three lines on.
MIN_BLOB: Final = 200
_BLOB: Final = re.compile(
    rf"(?<![\w+/-])(?:[\w+/-]{{{MIN_BLOB},}}+|(?:[A-Za-z0-9+/]{{60,76}}+\r?\n){{3,}}+[\w+/-]*+)={{0,2}}",
    re.ASCII,
)
_DIGIT: Final = re.compile(b"[0-9]")
MOST_WORK: Final = 2 * 10**9
"""Characters that an operator's form is searched in at most, over all finds in a text: some seconds."""


def _forms_of(*, dashed: bool) -> str:
    return "|".join(relaxed(form.pattern) for form in FORMS if ("-]" in form.pattern) is dashed)


# The end of an escape for the eyes of others: JSON in a string, a URL's, a terminal's colour.
_ESCAPE: Final = r"\\[nrtbf]|%[0-9A-Fa-f]{2}|\[[0-9;]{0,8}m"
_BEFORE: Final = re.compile(rf"(?:{_ESCAPE}|\W)*+".encode())
# Where a form may begin, found in one go; whether it is one is asked there: an automaton that counts as far
# as the forms do takes a thousand times as long. None begins in the midst of a run of its own characters.
_MAYBE_FORM: Final = compiled(
    rf"(?:^|[^\w-]|{_ESCAPE})-?(?:{_forms_of(dashed=True)})"
    rf"|(?:^|\W|{_ESCAPE})(?:{_forms_of(dashed=False)})"
)
_FORM: Final = re.compile(rf"(?:{'|'.join(form.pattern for form in FORMS)})[\w-]*+".encode())


def marker(kind: str, length: int) -> str:
    """Return what stands where something was redacted: its kind and how many characters it had."""
    return f"«{kind}, {length:,} character{'' if length == 1 else 's'}»"


def mark(kind: str, text: str) -> str:
    """Redact a whole text; an empty one and one that is a marker already stay."""
    return text if not text or _MARKER.fullmatch(text) else marker(kind, len(text))


def marked(text: str) -> bool:
    """Tell whether something in a text was redacted, or looks as if it were."""
    return _MARKER.search(text) is not None


class Scrubber:
    """Redacts texts by all rules."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._assignments = Assignments(secrets)
        self._scrub_short = lru_cache(maxsize=8192)(self._scrub)

    def scrub(self, text: str) -> str:
        """Redact what in a text is a secret; what PostgreSQL cannot store is replaced, too.

        PostgreSQL takes no NUL, which becomes its picture U+2400, and no half pair, which becomes U+FFFD.
        """
        return self._scrub_short(text) if len(text) <= MAX_CACHED else self._scrub(text)

    def _scrub(self, text: str) -> str:
        text = text if text.isascii() else _HALF.sub("\ufffd", text)
        text = text.replace("\0", "\u2400")
        try:
            if self._secrets.in_text.search(text):
                text = self._without_secrets(text)
            for kind, pattern in self._secrets.own_forms:
                text = _marked(text, _own_forms(kind, pattern, text))
        except TooMany:
            return mark("text full of secrets", text)
        if len(text) >= MIN_BLOB and has_long_run(text.encode()):
            text = _BLOB.sub(_marked_blob, text)
        return text

    def _without_secrets(self, text: str) -> str:
        if "-----BEGIN" in text:
            text = PRIVATE_KEY.sub(lambda found: mark("private key", found[0]), text)
        text = _marked(text, self._assignments.spans(text))
        for context in CONTEXTS:
            text = _marked(text, context.spans(text))
        return _without_forms(text)


def _marked(text: str, spans: Iterable[tuple[str, int, int]]) -> str:
    """Mark spans of a text, each with its kind."""
    done = 0
    parts: list[str] = []
    for kind, start, end in spans:
        parts += [text[done:start], mark(kind, text[start:end])]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _without_forms(text: str) -> str:
    """Mark what is a secret by its form, in UTF-8, of which RE2 can search a part without a copy."""
    raw, done, position = text.encode(), 0, 0
    parts: list[bytes] = []
    for _ in range(MOST_FINDS):
        maybe = _MAYBE_FORM.search(raw, position)
        if maybe is None:
            return b"".join([*parts, raw[done:]]).decode() if parts else text
        before = _BEFORE.match(maybe[0])
        start = maybe.start() + (before.end() if before else 0)
        found = _FORM.match(raw, start)
        position = found.end() if found else start + 1
        if found and not _is_words(found[0]):
            parts += [raw[done:start], mark("token", found[0].decode()).encode()]
            done = found.end()
    raise TooMany


def _own_forms(kind: str, pattern: re2._Regexp, text: str) -> Iterator[tuple[str, int, int]]:
    """Find an operator's form outside of markers. Raises TooMany where a bad pattern would take long."""
    start = work = 0
    for part in _MARKER_OR_NOT.findall(text):
        for found in () if part.startswith("«") and _MARKER.fullmatch(part) else finds(pattern, part):
            work += len(part)
            if work > MOST_WORK:
                raise TooMany
            if found[0]:
                yield kind, start + found.start(), start + found.end()
        start += len(part)


def _is_words(text: bytes) -> bool:
    """Tell `sk-learn-and-other-words` from a token: that has a digit or capitals inside."""
    return text.islower() and not _DIGIT.search(text)


def _marked_blob(found: re.Match[str]) -> str:
    """Mark base64, but not a ruler of dashes: that has fewer different characters than 16."""
    return mark("base64", found[0]) if len(set(found[0])) >= 16 else found[0]  # noqa: PLR2004 - said above
