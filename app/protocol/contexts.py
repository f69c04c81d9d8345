"""Secrets that are known by what stands around them: in URLs, commands, headers, prose, password files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.secrets import compiled, finds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_ALGORITHM: Final = re.compile(
    r"(?i:sha|md|base|utf|aes|rsa|pbkdf|argon|bcrypt|scrypt|http|v)-?[0-9].*", re.DOTALL
)
_PLAIN_USER: Final = re.compile(
    r"[a-z][a-z_-]{0,19}|(?:user|username|name|me|my_?user)?:(?:password|passwd|pass|pwd|pw|secret|p)"
)
_REFERENCE: Final = re.compile(
    r"[$%{<(].*|[^:]*:[$%{<(].*|[0-9]{1,5}(?::[0-9]{1,5})?|[.~]?/.*|-.*", re.DOTALL
)


class Context(NamedTuple):
    """What stands before a secret, what the secret is made of, and what it must look like besides."""

    kind: str
    before: str
    value: str
    is_secret: Callable[[str], bool]
    example: str
    after: str = ""

    def spans(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Give the kind and the span of every secret in this context."""
        for found in finds(_COMPILED[self], text):
            start, end = found.span(1)
            end = start + len(found[1].rstrip(".,;:!?)]}"))
            if "«" not in found[1] and self.is_secret(text[start:end]):
                yield self.kind, start, end


def _mixed(value: str) -> bool:
    """A word after Bearer is a token if it has a digit or a capital inside; prose has neither."""
    return any(map(str.isdigit, value)) or re.search("[a-z][A-Z]", value) is not None


def _spoken(value: str) -> bool:
    """Tell a password in a sentence: letters with digits or other signs, no algorithm's name."""
    letters = any(map(str.isalpha, value))
    return letters and any(map(str.isdigit, value)) and len(value) >= 6 and not _ALGORITHM.fullmatch(value)  # noqa: PLR2004


def _literal(value: str) -> bool:
    return not _REFERENCE.fullmatch(value)


def _not_a_user(value: str) -> bool:
    return not _PLAIN_USER.fullmatch(value)


_QUOTE: Final = r"\\?[\"'`]?"
CONTEXTS: Final = (
    Context("userinfo", "://", r"[^\s/?#\"'<>\\`«»]+", _not_a_user, "https://ann:…@host", "@"),
    Context("authorization", r"(?i:\b(?:bearer|basic)[ \t]{1,8})", r"[\w.~+/=-]{8,}", _mixed, "Bearer …"),
    Context(
        "password",
        r"(?i:\blogin\s{1,8}\S{1,80}\s{1,8}password\s{1,8})",
        r"[^\s«»]+",
        _literal,
        "login ann password …",
    ),
    Context(
        "password",
        r"(?i:\b(?:pass(?:word|phrase|code|wd)|pwd|secret|token|(?:api|access|auth|private)[ _-]?key)\s{1,4}"
        rf"(?:(?:is|was|to)(?: now)?:?\s{{1,4}})?){_QUOTE}",
        r"[^\s\"'`<>«»\\,]{6,512}",
        _spoken,
        "the password is …",
    ),
    Context(
        "password",
        rf"\b(?:curl|wget|https?|xh)\b[^\n]{{0,500}}?\s(?:-u|--user)[ =]?{_QUOTE}",
        r"[^\s:\"'«»\\]{1,64}:[^\s\"'«»\\]{3,}",
        _literal,
        "curl -u ann:…",
    ),
    Context(
        "password",
        r"\b(?:sshpass|(?:docker|podman|helm registry|az|oc) login|mysql\w*|mariadb|mongo\w*|redis-cli"
        rf"|smbclient|ldap\w+)\b[^\n]{{0,300}}?\s-[paw][ =]?{_QUOTE}",
        r"[^\s\"'|;&«»\\]{4,}",
        _literal,
        "sshpass -p …",
    ),
    Context(
        "password",
        r"[\w.*-]:(?:[56][0-9]{3}|\*):[^:\s]{1,64}:[^:\s]{1,64}:",
        r"[^\s:\"'«»\\]{3,}",
        _literal,
        "db.example:5432:app:ann:…",
    ),
    Context("base64", ";base64,", r"[\w+/=-]{16,}", _mixed, "data:image/png;base64,…"),
)
_COMPILED: Final = {each: compiled(f"{each.before}({each.value}){each.after}") for each in CONTEXTS}
