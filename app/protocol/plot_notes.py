"""Notes at moments, for plots to show: what is allowed as their text, link and moment."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from app.errors import Invalid
from app.protocol.redaction import redact_text


class NoteKind(StrEnum):
    """PlotNote.kind: what was done at the moment, or what somebody has written about it elsewhere."""

    DEPLOY = "deploy"
    TICKET = "ticket"
    OTHER = "other"


LONGEST_TEXT: Final = 200
LONGEST_LINK: Final = 500
FUTURE: Final = dt.timedelta(days=1)
PAST: Final = dt.timedelta(days=2 * 365)
_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that are no text of one line: controls, lone surrogates, ends of lines."""
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn what stands around a text the other way; marks of a direction are not among them."""
_ADDRESS: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)
"""What an address is written with; no quotes, angle brackets, backslashes or spaces."""


def kind_of(word: str) -> NoteKind:
    """Read a kind. Raises Invalid."""
    if word not in list(NoteKind):
        raise Invalid("kind", f"must be one of {', '.join(NoteKind)}")
    return NoteKind(word)


def text_of(written: str) -> str:
    """Return a text as it is kept: one line, redacted as records are.

    Raises:
        Invalid: it is empty, too long (also with what redaction puts in), or no text of one line.
    """
    text = written.strip()
    if not text:
        raise Invalid("text", "say what was done, in a line")
    if len(text) > LONGEST_TEXT:
        raise Invalid("text", f"must not be longer than {LONGEST_TEXT} characters")
    if any(each in _TURNS or unicodedata.category(each) in _UNSEEN for each in text):
        raise Invalid("text", "must be one line, without control characters")
    redacted = redact_text(text)
    if len(redacted) > LONGEST_TEXT:
        raise Invalid("text", f"is longer than {LONGEST_TEXT} characters with its secrets redacted")
    return redacted


def link_of(written: str) -> str | None:
    """Return an address that may stand in a page, None for none.

    Raises:
        Invalid: it is no http or https address, or has a credential in it.
    """
    link = written.strip()
    if not link:
        return None
    if len(link) > LONGEST_LINK:
        raise Invalid("link", f"must not be longer than {LONGEST_LINK} characters")
    if not _ADDRESS.fullmatch(link):
        raise Invalid("link", "must begin with http:// or https:// and have no spaces; write others as %20")
    host, credential = _host(link)
    if not host:
        raise Invalid("link", "names no host, or not as an address does")
    if credential or redact_text(link) != link:
        raise Invalid("link", "has a credential in it, which everybody would see; leave it out")
    return link


def moment_of(at: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Return a moment that a note may be about: at most a day ahead, at most two years back.

    Raises:
        Invalid: it is another.
    """
    if at > now + FUTURE:
        raise Invalid("at", "must not be more than a day in the future")
    if at < now - PAST:
        raise Invalid("at", "must not be more than two years ago")
    return at


def _host(link: str) -> tuple[str, bool]:
    """Return an address's host, empty where it has none, and whether it names somebody who signs in."""
    try:
        parts = urlsplit(link)
        port = parts.port  # raises for what is no port
    except ValueError:
        return "", False
    return (parts.hostname or "") if port != 0 else "", "@" in parts.netloc
