"""The handshake: what the gateway offers a container, and which answers it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.errors import HandshakeRefused
from app.protocol.frames import RpcKind, error_text
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from app.protocol.frames import Frame

PROTOCOL_VERSION: Final = 1
LEGACY_VERSION: Final = "0.3.1"
_LEGACY: Final = re.compile(r"0\.3\.(0|[1-9][0-9]{0,8})", re.ASCII)


class Negotiated(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent answered to `initialize`.

    `version` is the protocol's, as AcpConnection.version stores it; `result` is the whole answer.
    """

    version: str
    capabilities: dict[str, Any]
    agent_info: dict[str, Any] | None
    auth_methods: list[Any]
    result: dict[str, Any]


def initialize_params(
    protocol: Protocol, name: str, version: str, *, offer_fs: bool = False, offer_terminal: bool = False
) -> dict[str, Any]:
    """Return the params of `initialize`.

    Neither `fs` nor `terminal` is offered unless asked for: no caller is there yet who could serve them.
    """
    capabilities: dict[str, Any] = {"terminal": True} if offer_terminal else {}
    if offer_fs:
        capabilities["fs"] = {"readTextFile": True, "writeTextFile": True}
    return {
        "protocolVersion": PROTOCOL_VERSION if protocol is Protocol.ACP else LEGACY_VERSION,
        "clientCapabilities": capabilities,
        "clientInfo": {"name": name, "title": name, "version": version},
    }


def negotiate(protocol: Protocol, frame: Frame) -> Negotiated:
    """Read the answer to `initialize`.

    Raises:
        HandshakeRefused: it is an error, of another version, or of another shape.
    """
    result = _result(frame)
    return Negotiated(
        version=_version(protocol, result.get("protocolVersion")),
        capabilities=_object(result, "agentCapabilities") or {},
        agent_info=_object(result, "agentInfo"),
        auth_methods=_array(result, "authMethods"),
        result=result,
    )


def _result(frame: Frame) -> dict[str, Any]:
    if frame.kind is RpcKind.ERROR:
        raise HandshakeRefused(f"the agent refused to initialize: {error_text(frame)}")
    result = _decoded(frame).get("result")
    if frame.kind is not RpcKind.RESPONSE or not isinstance(result, dict):
        raise HandshakeRefused("the answer to initialize has no result object")
    return result


def _decoded(frame: Frame) -> dict[str, Any]:
    try:
        return msgspec.json.decode(frame.text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise HandshakeRefused(f"the answer to initialize cannot be read: {error}") from error


def _version(protocol: Protocol, answered: Any) -> str:
    wanted = PROTOCOL_VERSION if protocol is Protocol.ACP else "0.3.x"
    if protocol is Protocol.ACP and answered == PROTOCOL_VERSION and type(answered) is int:
        return f"{PROTOCOL_VERSION}.0.0"
    if protocol is Protocol.HTTP and isinstance(answered, str) and _LEGACY.fullmatch(answered):
        return answered
    if answered is None:
        raise HandshakeRefused(f"the answer to initialize names no protocolVersion; {wanted} is needed")
    raise HandshakeRefused(f"the agent speaks protocol version {answered!r}; {wanted} is needed")


def _object(result: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = result.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise HandshakeRefused(f"the answer to initialize has a {name} that is not an object")


def _array(result: dict[str, Any], name: str) -> list[Any]:
    value = result.get(name)
    if value is None or isinstance(value, list):
        return value or []
    raise HandshakeRefused(f"the answer to initialize has {name} that are not an array")
