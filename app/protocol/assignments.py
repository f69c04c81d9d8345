"""Values by the names they are given to, in any language: `password=x`, `--password x`, `<password>x<`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from app.protocol.secrets import compiled, finds, hints, looks_random

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.protocol.secrets import Secrets

# What joins a name to its value; a type may stand between, and in XML an attribute or the end of a tag.
_JOIN: Final = (
    r"""\\{0,4}["'`]?\]?(?:[ \t]{0,8}(?::[ \t]{0,4}(?:str|[sS]tring|SecretStr|bytes|Optional\[str\]|&str)"""
    r"""[ \t]{0,4}=|=>|:=|\?=|\|\||={1,3}|!={1,2}"""
    r"""|:{1,3}(?:[ \t]{0,4}[|>][+-]?[ \t]{0,4}(?:\r?\n|\\+n))?)[ \t]{0,32}"""
    r"""|["'`][ \t]{0,4},[ \t]{0,4}|["'][ \t]{1,8}value[ \t]{0,4}=[ \t]{0,4}|>)"""
)
_PARTS: Final = re.compile(
    rf"(?:\\[nrt]|[^\w.-])?(?:(?P<flag>--?[\w-]++)[ \t]{{1,8}}|(?P<name>[\w.-]++)(?P<join>{_JOIN}))", re.ASCII
)
_VALUE: Final = re.compile(
    r"""\\{1,4}["'](?P<escaped>[^"'\\\n]*+)|[bBrRuUfFL@$]{0,2}"(?P<double>(?:[^"\\\n]|\\.)*+)"""
    r"""|[bBrRuUfF]{0,2}'(?P<single>(?:[^'\\\n]|\\.)*+)|`(?P<tick>[^`\\\n]*+)"""
    r"""|(?P<bare>(?:(?i:bearer|basic|token|digest|apikey)[ \t]{1,8})?[^\s"'`&<>«»\\]++)"""
)
_REST_OF_LINE: Final = re.compile(r"""[^\r\n"'«»\\]++""")
_SCHEME: Final = re.compile(r"(?i:bearer|basic|token|digest|apikey)[ \t]{1,8}")
# Characters. No key is longer; and what is longer is hidden, not skipped, so that nothing long is read again.
_LONGEST: Final = 512

_PLAIN_WORDS: Final = frozenset(
    {"any", "bool", "boolean", "bytes", "int", "integer", "number", "object", "str", "string", "none", "null"}
    | {"await", "new", "false", "true", "invalid", "missing", "optional", "required", "undefined", "unknown"}
    | {
        "nil",
        "self",
        "this",
        "redacted",
        "hidden",
        "masked",
        "secretstr",
        "char",
        "text",
        "float",
        "yes",
        "no",
    }
)
# `$PASSWORD`, `${DB_PASS:-}`, `{{ secret }}`, `<your token>`, `%TOKEN%`, `xxxx`
_VARIABLE: Final = re.compile(
    r"\$\{?\{?[\w. :-]*+\}{0,2}|\{\{[^}]*+\}{0,2}|\{\w*+\}|<[^>]*+>?|%\w++%"
    r"|#[0-9a-fA-F]{3,8}|\$\([^)]*+\)?|[xX*.•]{2,}+",
    re.ASCII,
)
_CALL: Final = re.compile(
    r"!{0,2}[A-Za-z_$][\w$]*+(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*+)*+[(\[{].*+", re.ASCII | re.DOTALL
)
_CHAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z_$]*+(?:(?:\.|->|::|\?\.)[A-Za-z_$]++)++", re.ASCII)
_SMALL_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_IDENTIFIER: Final = re.compile(r"[a-z_]++|[A-Z_]++|_?[a-z]{0,20}+(?:[A-Z]{1,4}[a-z]{2,20})+", re.ASCII)


class Assignments:
    """Finds values by the names that they are assigned to."""

    def __init__(self, secrets: Secrets) -> None:
        self._kind_of_name = secrets.kind_of_name
        self._look = compiled(
            rf"(?:^|\\[nrt]|[^\w.-])--?[\w-]*{secrets.stems}[\w-]*[ \t]{{1,8}}"
            rf"|(?:\\[nrt])?[\w.-]*{secrets.stems}[\w.-]*{_JOIN}"
        )

    def spans(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Give the kind and the span of every value to hide, in their order and apart from each other."""
        done = 0
        for found in finds(self._look, text):
            parts = _PARTS.match(found[0])
            if found.start() < done or parts is None:
                continue
            span = self._value(parts, text, found.end())
            if span:
                yield span
                done = span[2]

    def _value(self, parts: re.Match[str], text: str, start: int) -> tuple[str, int, int] | None:
        name, join = (parts["name"] or parts["flag"]).lstrip("-"), parts["join"] or " "
        # Of `token.value`, the last word decides: what is in a secret's other members need not be one.
        kind = self._kind_of_name(name.rpartition(".")[2])
        if kind is None or "," in join:
            known = kind or self._kind_of_name(name) or hints(name)
            return _hinted_value(text, start, kind or "token") if known else None
        found = _VALUE.match(text, start)
        if found is None or found.lastgroup is None:
            return None
        begin, end = found.span(found.lastgroup)
        if found.lastgroup == "bare":
            if join == ">" and text[end : end + 1] != "<":
                return None
            if kind in ("authorization", "cookie") and (rest := _REST_OF_LINE.match(text, start)):
                begin, end, join = *rest.span(), "="
            end = _without_point(text, begin, end)
            if end - begin <= _LONGEST and _is_code(text[begin:end], join, text[end : end + 1]):
                return None
        elif begin - 1 == start and join in (":", "=") and text[start] == parts[0][0]:
            return None  # `'Cookie:'` in a sentence: the quote closes
        return None if _is_plain(text[begin:end], name) else (kind, begin, end)


def _hinted_value(text: str, start: int, kind: str) -> tuple[str, int, int] | None:
    found = _VALUE.match(text, start, start + _LONGEST)
    if found is None or found.lastgroup is None:
        return None
    begin, end = found.span(found.lastgroup)
    end = _without_point(text, begin, end)
    scheme = _SCHEME.match(text, begin, end)
    begin = scheme.end() if scheme else begin
    return (kind, begin, end) if looks_random(text[begin:end]) else None


def _without_point(text: str, begin: int, end: int) -> int:
    """Return the end of a bare value without the sentence's or the line's punctuation."""
    return begin + len(text[begin:end].rstrip(" \t.,;:!?)]}"))


def _is_plain(value: str, name: str) -> bool:
    """Tell a value that is no secret: `token: str`, `password=$PASSWORD`, `secret: ***`, `token=token`."""
    if len(value) > _LONGEST:
        return not any(map(str.isalnum, value))
    return (
        value.lower() in _PLAIN_WORDS
        or value.lower() == name.lower()
        or _VARIABLE.fullmatch(value) is not None
        or not any(map(str.isalnum, value))
    )


def _is_code(value: str, join: str, after: str) -> bool:
    """Tell whether a value without quotes is an expression: a call, `self.token`, a name after a space."""
    if _CALL.fullmatch(value) or _CHAIN.fullmatch(value) or _SMALL_NUMBER.fullmatch(value):
        return True
    in_code = (join[-1] in " \t" and "\n" not in join) or after in (",", ")", ";")
    return in_code and _IDENTIFIER.fullmatch(value) is not None
