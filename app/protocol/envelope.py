"""Reading a frame: the envelope only, whatever a stranger may have sent.

The rest of a frame stays undecoded (`msgspec.Raw`): frames of half a megabyte are real, and members and
number spellings that no schema knows must survive being relayed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from app.protocol.nesting import is_too_deep
from app.protocol.rpc import INVALID_REQUEST, PARSE_ERROR, Frame, RpcKind
from app.protocol.surrogates import may_have_halves, shield, unshield


class _Envelope(msgspec.Struct, gc=False):
    """The members of a JSON-RPC object; an empty Raw where one is missing."""

    jsonrpc: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()
    method: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Place(msgspec.Struct, gc=False):
    """What tells a frame's session, in params or result."""

    sessionId: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the name on the wire
    update: msgspec.Raw = msgspec.Raw()
    sessionUpdate: msgspec.Raw = msgspec.Raw()  # noqa: N815 - likewise, inside `update`


# The data model wants a positive size, and a text frame may be empty.
_EMPTY: Final = 1
_NO_PLACE: Final = _Place()
_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_decode_place: Final = msgspec.json.Decoder(_Place).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def parse(text: str) -> Frame:
    """Read a frame's envelope. Never raises: what is not JSON-RPC becomes a frame of kind `invalid`."""
    try:
        size = len(text.encode()) or _EMPTY
    except UnicodeEncodeError:
        size = len(text.encode(errors="surrogatepass"))
        return _invalid(text, size, PARSE_ERROR, "not JSON: half a surrogate pair in the text itself")
    if is_too_deep(text):
        return _invalid(text, size, INVALID_REQUEST, "not a JSON-RPC object: nested too deeply")
    try:
        envelope = _decode_envelope(text)
    except msgspec.ValidationError as error:
        return _invalid(text, size, INVALID_REQUEST, f"not a JSON-RPC object: {error}")
    except msgspec.DecodeError as error:
        shielded = shield(text) if may_have_halves(text) else text
        if shielded != text:
            frame = parse(shielded)
            raw_id = unshield(frame.id) if frame.id else None
            return msgspec.structs.replace(frame, text=text, size=size, id=raw_id)
        return _invalid(text, size, PARSE_ERROR, f"not JSON: {error}")
    return _read(text, size, envelope)


def _read(text: str, size: int, envelope: _Envelope) -> Frame:
    raw_id = _raw_text(envelope.id) if envelope.id else None
    if raw_id is not None and not _is_id(raw_id):
        return _invalid(text, size, INVALID_REQUEST, "the id is neither a string, a number nor null")
    method = _string(envelope.method)
    if envelope.method and method is None:
        return _invalid(text, size, INVALID_REQUEST, "the method is not a string", raw_id)
    kind = _kind(envelope)
    if kind is RpcKind.INVALID:
        return _invalid(text, size, INVALID_REQUEST, "neither a method, a result nor an error", raw_id)
    place = _place(envelope.params if method is not None else envelope.result)
    return Frame(
        text=text,
        kind=kind,
        size=size,
        id=raw_id,
        method=method,
        session_id=_string(place.sessionId),
        update=_string(_place(place.update).sessionUpdate),
        problem=_oddity(envelope),
    )


def _kind(envelope: _Envelope) -> RpcKind:
    if envelope.method:
        return RpcKind.REQUEST if envelope.id else RpcKind.NOTIFICATION
    if envelope.error and not (envelope.result and _raw_text(envelope.error) == "null"):
        return RpcKind.ERROR
    return RpcKind.RESPONSE if envelope.result else RpcKind.INVALID


def _oddity(envelope: _Envelope) -> str | None:
    """Say what JSON-RPC 2.0 forbids about a frame that can be relayed all the same."""
    if not envelope.jsonrpc:
        return "the member jsonrpc is missing"
    if bytes(envelope.jsonrpc) != b'"2.0"':
        return 'the member jsonrpc is not "2.0"'
    if envelope.method and (envelope.result or envelope.error):
        return "a method beside a result or an error"
    if envelope.result and envelope.error:
        return "both a result and an error"
    if not envelope.method and not envelope.id:
        return "an answer without an id"
    return None


def _is_id(raw: str) -> bool:
    return raw == "null" or raw[0] in '"-0123456789'


def _place(raw: msgspec.Raw) -> _Place:
    """Read a container of `sessionId`, which strangers may have made an array, a string or nothing."""
    try:
        return _decode_place(raw) if raw else _NO_PLACE
    except msgspec.ValidationError:
        return _NO_PLACE


def _string(raw: msgspec.Raw) -> str | None:
    try:
        return _decode_text(raw) if raw else None
    except msgspec.ValidationError:
        return None


def _raw_text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _invalid(text: str, size: int, code: int, problem: str, raw_id: str | None = None) -> Frame:
    return Frame(text=text, kind=RpcKind.INVALID, size=size, id=raw_id, problem=problem, code=code)
