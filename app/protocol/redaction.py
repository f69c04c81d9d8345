"""What of a frame may be stored and shown: no secrets, no contents of files and terminals.

The rules are those of wire.md, What must be redacted. The result can always be stored as jsonb.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from app.protocol.scrubbing import mark, scrub
from app.protocol.secrets import kind_of_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.protocol.frames import Frame

# A key's rule: the kind of content to mark under it, or rules for the keys below it; "*" is any other key.
Rule: TypeAlias = "str | Rules"
Rules: TypeAlias = "Mapping[str, Rule]"

_QUERY: Final = "query"  # marks only what follows the question mark of a URL
_SERVER: Final = {"env": "environment", "headers": "header", "args": "argument", "url": _QUERY}
EVERYWHERE: Final[Rules] = {
    "rawInput": "tool input",
    "rawOutput": "tool output",
    "oldText": "file content",
    "newText": "file content",
    "resource": {"text": "file content", "blob": "file content"},
    "mcpServers": {**_SERVER, "*": _SERVER},
    "authMethods": {"env": "environment", "args": "argument"},
}
OF_TOOL_CALL: Final[Rules] = {"content": "tool content"}
OF_METHOD: Final[Mapping[str, Rules]] = {
    "fs/write_text_file": {"params": {"content": "file content"}},
    "terminal/create": {"params": {"command": "command", "args": "argument", "env": "environment"}},
    "authenticate": {"params": {"_meta": "credential"}},
}
_OF_ERROR: Final = {"error": {"data": "error data"}}
OF_ANSWER_TO: Final[Mapping[str, Rules]] = {
    "fs/read_text_file": {"result": {"content": "file content"}, **_OF_ERROR},
    "terminal/output": {"result": {"output": "terminal output"}, **_OF_ERROR},
}
# An answer does not say what it answers; where nobody else knows it either, it may be any of those.
OF_ANSWER_TO_UNKNOWN: Final[Rules] = {
    "result": {"content": "file content", "output": "terminal output"},
    **_OF_ERROR,
}
# What stays readable inside marked content: where and what it is, not what it says.
LABELS: Final = frozenset(
    {"absolute_path", "cwd", "file_path", "filePath", "filepath", "path", "uri"}
    | {"kind", "line", "mimeType", "name", "status", "terminalId", "toolCallId", "type"}
)
# jsonb keeps a number's digits, so an exponent of 131,071 would be written out as often as it is shown.
_MAX_EXPONENT_DIGITS: Final = 3
_MAX_DIGITS: Final = 4300  # what Python converts without being told that it may


def redact(frame: Frame, answers: str | None = None) -> bytes:
    """Return the JSON to be stored for a frame, UTF-8; redacting that again changes nothing.

    `answers` is the method of the request that the frame answers, if it is known. What is not JSON becomes
    a JSON string of its redacted text.
    """
    try:
        return _encode(_value(_decode(frame.text), _rules_of(frame, answers)))
    except RecursionError:
        # Nothing is known of its places, so nothing of it may be shown.
        return _encode(mark("deeply nested frame", frame.text))
    except ValueError:
        return _encode(scrub(frame.text))


def redact_text(text: str) -> str:
    """Redact free text: error messages, close reasons, what operators write."""
    return scrub(text)


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Redact HTTP headers: the values of those that carry credentials whole, the others as text."""
    return {name: _named(name, value) for name, value in headers.items()}


def _rules_of(frame: Frame, answers: str | None) -> Rules:
    if frame.method is not None:
        return OF_METHOD.get(frame.method, _NONE)
    return OF_ANSWER_TO_UNKNOWN if answers is None else OF_ANSWER_TO.get(answers, _OF_ERROR)


def _value(value: Any, rules: Rules) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        rules = _rules_within(value, rules)
        return {scrub(key): _member(key, member, rules) for key, member in value.items()}
    if isinstance(value, list):
        return [_value(item, rules) for item in value]
    return value


def _rules_within(members: dict[str, Any], rules: Rules) -> Rules:
    """Add the rules that an object's own members call for: a tool call's, or a name beside a value."""
    if "toolCallId" in members:
        rules = {**rules, **OF_TOOL_CALL}
    name = members.get("name")
    kind = kind_of_name(name) if isinstance(name, str) and "value" in members else None
    return {**rules, "value": kind} if kind else rules


def _member(key: str, value: Any, rules: Rules) -> Any:
    kind = kind_of_name(key)
    if kind is not None:
        return mark(kind, _spelled(value)) if _is_number(value) else _marked(kind, value)
    rule = rules.get(key) or EVERYWHERE.get(key) or rules.get("*", _NONE)
    return _marked(rule, value) if isinstance(rule, str) else _value(value, rule)


def _marked(kind: str, value: Any) -> Any:
    """Mark every text in a value but labels; numbers and booleans stay."""
    if isinstance(value, str):
        return _without_query(value) if kind == _QUERY else mark(kind, value)
    if isinstance(value, dict):
        return {scrub(key): _labelled(kind, key, member) for key, member in value.items()}
    if isinstance(value, list):
        return [_marked(kind, item) for item in value]
    return value


def _labelled(kind: str, key: str, value: Any) -> Any:
    if key in LABELS and isinstance(value, str):
        return scrub(value)
    own = EVERYWHERE.get(key)
    return _marked(own if isinstance(own, str) else kind, value)


def _without_query(url: str) -> str:
    base, mark_of_query, query = url.partition("?")
    return scrub(base) + mark_of_query + mark(_QUERY, query)


def _named(name: str, value: str) -> str:
    kind = kind_of_name(name)
    return mark(kind, value) if kind else scrub(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, msgspec.Raw)) and not isinstance(value, bool)


def _spelled(number: Any) -> str:
    return bytes(number).decode() if isinstance(number, msgspec.Raw) else str(number)


def _decode(text: str) -> Any:
    """Decode JSON; halves of surrogate pairs and very long numbers only the standard library takes.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    try:
        return _decode_fast(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)


def _number(spelled: str) -> msgspec.Raw | str:
    """Keep a number as it is spelled; one that jsonb would refuse or blow up becomes a string."""
    exponent = spelled.lower().partition("e")[2].lstrip("+-0")
    storable = len(spelled) <= _MAX_DIGITS and len(exponent) <= _MAX_EXPONENT_DIGITS
    return msgspec.Raw(spelled) if storable else spelled


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_NONE: Final[Rules] = {}
_decode_fast: Final = msgspec.json.Decoder(float_hook=_number).decode
_encode: Final = msgspec.json.encode
