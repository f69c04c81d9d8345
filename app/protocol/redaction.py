"""What of a frame may be stored and shown: no secrets, no contents of files and terminals.

The rules are those of wire.md, What must be redacted. The result can always be stored as jsonb.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from app.protocol.redaction_rules import (
    EVERYWHERE,
    LABELS,
    OF_ANSWER_TO,
    OF_ANSWER_TO_UNKNOWN,
    OF_ERROR,
    OF_METHOD,
    OF_TOOL_CALL,
    QUERY,
)
from app.protocol.rpc import RpcKind
from app.protocol.scrubbing import Scrubber, mark
from app.protocol.secrets import MAX_CACHED, Secrets, has_long_run, hints, looks_random

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.protocol.frames import Frame
    from app.protocol.redaction_rules import Rules

# jsonb keeps a number's digits, so an exponent of 131,071 would be written out as often as it is shown.
_MAX_EXPONENT_DIGITS: Final = 3
_MAX_DIGITS: Final = 4300  # what Python converts without being told that it may


class _Key(NamedTuple):
    """A member's name, as it came and redacted; the kind of secret it tells, and whether it may tell one."""

    name: str
    text: str
    kind: str | None
    hints: bool


class _Rules:
    """The rules in use in this process: the table's, and what `configure` adds to them."""

    def use(self, names: Iterable[str] = (), forms: Iterable[tuple[str, str]] = ()) -> None:
        secrets = Secrets(names, forms)
        self.kind_of_name = secrets.kind_of_name
        self.scrub = Scrubber(secrets).scrub
        self._short_key = lru_cache(maxsize=4096)(self._key)
        self.in_frame = secrets.in_frame.search
        # An operator's form may match what JSON text escapes, so then each string is looked at on its own.
        self.look_at_frames = not secrets.own_forms

    def key(self, name: str) -> _Key:
        """Look at a member's name; the same come again in every frame."""
        return self._short_key(name) if len(name) <= MAX_CACHED else self._key(name)

    def _key(self, name: str) -> _Key:
        may = _NAME.fullmatch(name) is not None and hints(name)
        return _Key(name, self.scrub(name), self.kind_of_name(name), may)


def configure(names: Iterable[str], forms: Iterable[tuple[str, str]]) -> None:
    """Add an operator's names of secrets, and kinds with patterns (RE2), to the table's rules.

    For the whole process, as logging is configured; `create_app` does it before anything is redacted.
    """
    _rules.use(names, forms)


def redact(frame: Frame, answers: str | None = None) -> bytes:
    """Return the JSON to be stored for a frame, UTF-8; redacting that again changes nothing.

    `answers` is the method of the request that the frame answers, if it is known. What is not JSON becomes
    a JSON string of its redacted text. A frame in which nothing can need redaction is returned as it came.
    """
    if _is_clean(frame, answers):
        return frame.text.encode()
    try:
        return _encode(_value(_decode(frame.text), _rules_of(frame, answers)))
    except RecursionError:
        # Nothing is known of its places, so nothing of it may be shown.
        return _encode(mark("deeply nested frame", frame.text))
    except ValueError:
        return _encode(_rules.scrub(frame.text))


def redact_text(text: str) -> str:
    """Redact free text: error messages, close reasons, what operators write."""
    return _rules.scrub(text)


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Redact HTTP headers: the values of those that carry credentials whole, the others as text."""
    return {name: _named(name, value) for name, value in headers.items()}


def _is_clean(frame: Frame, answers: str | None) -> bool:
    """Tell by one look whether nothing in a frame can need redaction, and PostgreSQL can store it as it came.

    Where it says so, the careful way would change nothing. It may say no without need, which costs only time.
    """
    if frame.kind in _NEVER_CLEAN or frame.method in OF_METHOD or not _rules.look_at_frames:
        return False
    if frame.kind is RpcKind.RESPONSE and (answers is None or answers in OF_ANSWER_TO):
        return False
    text = frame.text
    if "toolCallId" in text and '"content"' in text:
        return False
    raw = text.encode()
    return not _rules.in_frame(raw) and not has_long_run(raw)


def _rules_of(frame: Frame, answers: str | None) -> Rules:
    if frame.method is not None:
        return OF_METHOD.get(frame.method, _NONE)
    return OF_ANSWER_TO_UNKNOWN if answers is None else OF_ANSWER_TO.get(answers, OF_ERROR)


def _value(value: Any, rules: Rules) -> Any:
    if isinstance(value, str):
        return _rules.scrub(value)
    if isinstance(value, dict):
        rules = _rules_within(value, rules)
        return {(key := _rules.key(name)).text: _member(key, each, rules) for name, each in value.items()}
    if isinstance(value, list):
        return [_value(item, rules) for item in value]
    return value


def _rules_within(members: dict[str, Any], rules: Rules) -> Rules:
    """Add the rules that an object's own members call for: a tool call's, or a name beside a value."""
    if "toolCallId" in members:
        rules = {**rules, **OF_TOOL_CALL}
    name = members.get("name")
    kind = _rules.kind_of_name(name) if isinstance(name, str) and "value" in members else None
    return {**rules, "value": kind} if kind else rules


def _member(key: _Key, value: Any, rules: Rules) -> Any:
    if key.kind is not None:
        return mark(key.kind, _spelled(value)) if _is_number(value) else _marked(key.kind, value)
    if key.hints and isinstance(value, str) and looks_random(value):
        return mark("token", value)
    rule = rules.get(key.name) or EVERYWHERE.get(key.name) or rules.get("*", _NONE)
    return _marked(rule, value) if isinstance(rule, str) else _value(value, rule)


def _marked(kind: str, value: Any) -> Any:
    """Mark every text in a value but labels; numbers and booleans stay."""
    if isinstance(value, str):
        return _without_query(value) if kind == QUERY else mark(kind, value)
    if isinstance(value, dict):
        return {(key := _rules.key(name)).text: _labelled(kind, key, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_marked(kind, item) for item in value]
    return value


def _labelled(kind: str, key: _Key, value: Any) -> Any:
    if key.kind is not None and _is_number(value):
        return mark(key.kind, _spelled(value))
    if key.name in LABELS and isinstance(value, str):
        return _rules.scrub(value)
    own = EVERYWHERE.get(key.name)
    return _marked(own if isinstance(own, str) else kind, value)


def _without_query(url: str) -> str:
    base, mark_of_query, query = url.partition("?")
    return _rules.scrub(base) + mark_of_query + mark(QUERY, query)


def _named(name: str, value: str) -> str:
    kind = _rules.kind_of_name(name)
    return mark(kind, value) if kind else _rules.scrub(value)


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
_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)
_NEVER_CLEAN: Final = (RpcKind.INVALID, RpcKind.ERROR)
_decode_fast: Final = msgspec.json.Decoder(float_hook=_number).decode
_encode: Final = msgspec.json.encode
_rules: Final = _Rules()
_rules.use()
