"""Frames in and out: what the rest of the product imports to read, build and renumber JSON-RPC frames."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from app.protocol.envelope import parse
from app.protocol.rpc import (
    AUTHENTICATION_REQUIRED,
    CANCELLED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RESOURCE_NOT_FOUND,
    Frame,
    RpcKind,
)
from app.protocol.surrogates import may_have_halves, shield, unshield

__all__ = [
    "AUTHENTICATION_REQUIRED",
    "CANCELLED",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
    "Frame",
    "RpcKind",
    "as_request",
    "error",
    "error_text",
    "notification",
    "parse",
    "request",
    "requested_id",
    "result",
    "session_settings",
    "with_id",
    "with_requested_id",
]

SESSION_SETTINGS: Final = ("cwd", "mcpServers", "additionalDirectories")
"""Params of `session/new` that `session/load` and `session/resume` ask for again."""
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_string: Final = msgspec.json.Decoder(str).decode


def with_id(frame: Frame, raw_id: str) -> Frame:
    """Give a request or a response another id; every other member stays as it is spelled.

    Raises:
        msgspec.DecodeError: the frame is not a JSON object (kind `invalid`).
    """
    if raw_id == frame.id:
        return frame
    text = _with_member(frame.text, "id", raw_id)
    return msgspec.structs.replace(frame, text=text, id=raw_id, size=len(text.encode()))


def requested_id(frame: Frame) -> str | None:
    """Return the raw id that a `$/cancel_request` names (`params.requestId`), or None if it names none."""
    try:
        raw = _members(_member(frame.text, "params")).get("requestId")
    except msgspec.ValidationError:
        return None
    return unshield(bytes(raw).decode()) if raw else None


def session_settings(frame: Frame) -> dict[str, msgspec.Raw]:
    """Return what a session is made with, of SESSION_SETTINGS, as the request spells it; {} if unreadable."""
    if may_have_halves(frame.text):
        return {}
    try:
        params = _members(_member(frame.text, "params"))
    except msgspec.ValidationError:
        return {}
    # Copies: a Raw keeps the whole text that it was read from.
    return {name: params[name].copy() for name in SESSION_SETTINGS if name in params}


def with_requested_id(frame: Frame, raw_id: str) -> Frame:
    """Let a `$/cancel_request` name another id; everything else stays as it is spelled."""
    params = _with_member(_member(frame.text, "params"), "requestId", raw_id)
    return parse(_with_member(frame.text, "params", params))


def as_request(frame: Frame, raw_id: str, method: str) -> Frame:
    """Make a request of a notification: another method and an id, everything else as it is spelled."""
    renamed = _with_member(frame.text, "method", msgspec.json.encode(method).decode())
    return parse(_with_member(renamed, "id", raw_id))


def request(raw_id: str, method: str, params: Any = None) -> Frame:
    """Build a request; `raw_id` is JSON text, `params` whatever msgspec encodes, None for none."""
    return _build(id=msgspec.Raw(raw_id), method=method, **_given(params=params))


def notification(method: str, params: Any = None) -> Frame:
    """Build a notification."""
    return _build(method=method, **_given(params=params))


def result(raw_id: str, value: Any) -> Frame:
    """Build a successful response."""
    return _build(id=msgspec.Raw(raw_id), result=value)


def error(raw_id: str, code: int, message: str, data: Any = None) -> Frame:
    """Build an error response; `raw_id` is `null` where the request's id could not be read."""
    return _build(id=msgspec.Raw(raw_id), error={"code": code, "message": message, **_given(data=data)})


def error_text(frame: Frame) -> str:
    """Return what an error response says, with its code; strangers may have made `error` anything."""
    try:
        members = _members(_member(frame.text, "error"))
    except msgspec.ValidationError:
        return _member(frame.text, "error")
    message, code = (
        _plain(members[name]) if name in members else f"no {name}" for name in ("message", "code")
    )
    return f"{message} ({code})"


def _plain(raw: msgspec.Raw) -> str:
    """Return a JSON string's characters, and any other value as it is spelled."""
    try:
        return unshield(_decode_string(raw))
    except msgspec.ValidationError:
        return bytes(raw).decode()


def _members(text: str) -> dict[str, msgspec.Raw]:
    return _decode_members(shield(text) if may_have_halves(text) else text)


def _member(text: str, name: str) -> str:
    raw = _members(text).get(name)
    return unshield(bytes(raw).decode()) if raw else "{}"


def _with_member(text: str, name: str, raw: str) -> str:
    """Replace one member of a JSON object, the others untouched and in their order."""
    encoded = msgspec.json.encode(_members(text) | {name: msgspec.Raw(raw)}).decode()
    return unshield(encoded) if may_have_halves(text) else encoded


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _build(**members: Any) -> Frame:
    return parse(msgspec.json.encode({"jsonrpc": "2.0", **members}).decode())
