"""Redaction of free text: secrets by their form and by the name they are assigned to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.protocol.secrets import BLOB, MIN_BLOB, PRIVATE_KEY, TOKEN, USERINFO, kind_of_name

_MARKER: Final = re.compile(r"«[a-z][a-z0-9 ]{0,30}, [0-9,]{1,15} characters?»")
_HALF: Final = re.compile("[\ud800-\udfff]")
# A name and what joins it to its value: `password=`, `\"password\": `, `--password `.
_ASSIGNMENT: Final = re.compile(
    r"""(?<![\w.-])(?:(?P<flag>--[\w-]++)[ \t]{1,8}"""
    r"""|(?P<name>[\w.-]++)\\{0,4}["'`]?[ \t]{0,8}(?:=>|:=|={1,3}|:)[ \t]{0,8})""",
    re.ASCII,
)
_VALUE: Final = re.compile(
    r"""\\{1,4}["'](?P<escaped>[^"'\\\n]*+)|"(?P<double>(?:[^"\\\n]|\\.)*+)|'(?P<single>(?:[^'\\\n]|\\.)*+)"""
    r"""|(?P<bare>(?:(?i:bearer|basic|token|digest)[ \t]{1,8})?[^\s"'`&<>«»\\]++)"""
)
_REST_OF_LINE: Final = re.compile(r"""[^\r\n"'«»\\]++""")
_PLAIN_WORDS: Final = frozenset(
    {"any", "bool", "boolean", "bytes", "int", "integer", "number", "object", "str", "string", "none", "null"}
    | {"await", "new", "false", "true", "invalid", "missing", "optional", "required", "undefined", "unknown"}
)
_VARIABLE: Final = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*+\}?")
_MAX_CACHED: Final = 64
"""Ids, names and words repeat from frame to frame, and are shorter than this many characters."""


def marker(kind: str, length: int) -> str:
    """Return what stands where something was redacted: its kind and how many characters it had."""
    return f"«{kind}, {length:,} character{'' if length == 1 else 's'}»"


def mark(kind: str, text: str) -> str:
    """Redact a whole text; an empty one and one that is a marker already stay."""
    return text if not text or _MARKER.fullmatch(text) else marker(kind, len(text))


def scrub(text: str) -> str:
    """Redact what in a text is a secret by form or by name; what PostgreSQL cannot store is replaced, too.

    PostgreSQL takes no NUL, which becomes its picture U+2400, and no half pair, which becomes U+FFFD.
    """
    return _scrub_short(text) if len(text) <= _MAX_CACHED else _scrub(text)


def _scrub(text: str) -> str:
    text = text if text.isascii() else _HALF.sub("\ufffd", text)
    text = text.replace("\0", "\u2400")
    if "-----BEGIN" in text:
        text = PRIVATE_KEY.sub(lambda found: mark("private key", found[0]), text)
    if "://" in text:
        text = USERINFO.sub(lambda found: mark("userinfo", found[0][:-1]) + "@", text)
    text = TOKEN.sub(_marked_token, _scrub_assignments(text))
    return BLOB.sub(_marked_blob, text) if len(text) >= MIN_BLOB else text


_scrub_short: Final = lru_cache(maxsize=8192)(_scrub)


def _scrub_assignments(text: str) -> str:
    done = 0
    parts = []
    for found in _ASSIGNMENT.finditer(text):
        kind = kind_of_name(found["name"] or found["flag"]) if found.start() >= done else None
        value = _value(kind, text, found.end()) if kind else None
        if kind and value:
            parts += [text[done : value[0]], mark(kind, text[slice(*value)])]
            done = value[1]
    return "".join([*parts, text[done:]]) if parts else text


def _value(kind: str, text: str, start: int) -> tuple[int, int] | None:
    """Find the value that begins at `start`: its span, or None if there is nothing to hide."""
    found = _VALUE.match(text, start)
    if found is None or found.lastgroup is None:
        return None
    if found.lastgroup != "bare":
        return found.span(found.lastgroup)
    if kind in ("authorization", "cookie"):
        found = _REST_OF_LINE.match(text, start)
        return found.span() if found else None
    value = found[0].rstrip(".,;:!?)]}")
    return None if _is_plain(value) else (start, start + len(value))


def _is_plain(value: str) -> bool:
    """Tell whether a bare value is no secret: `token: str`, `password=$PASSWORD`, `secret: ***`."""
    plain = value.lower() in _PLAIN_WORDS or _VARIABLE.fullmatch(value) is not None
    return plain or not any(map(str.isalnum, value))


def _marked_token(found: re.Match[str]) -> str:
    kept = found["keep"] or ""
    return kept + mark("token", found[0][len(kept) :])


def _marked_blob(found: re.Match[str]) -> str:
    """Mark base64, but not a ruler of dashes: that has fewer different characters than 16."""
    return mark("base64", found[0]) if len(set(found[0])) >= 16 else found[0]  # noqa: PLR2004 - said above
