from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import HandshakeRefused
from app.protocol.frames import parse
from app.protocol.handshake import Negotiated, initialize_params, negotiate
from app.protocol.states import Protocol, is_semver


def answer(result: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result})


def test_neither_files_nor_terminals_are_offered() -> None:
    assert initialize_params(Protocol.ACP, "console", "1.2.3") == {
        "protocolVersion": 1,
        "clientCapabilities": {},
        "clientInfo": {"name": "console", "title": "console", "version": "1.2.3"},
    }
    assert initialize_params(Protocol.HTTP, "console", "1.2.3")["protocolVersion"] == "0.3.1"


@pytest.mark.parametrize(
    ("protocol", "answered", "version"),
    [(Protocol.ACP, 1, "1.0.0"), (Protocol.HTTP, "0.3.1", "0.3.1"), (Protocol.HTTP, "0.3.27", "0.3.27")],
)
def test_versions_that_are_taken(protocol: Protocol, answered: object, version: str) -> None:
    negotiated = negotiate(protocol, parse(answer({"protocolVersion": answered})))
    assert negotiated == Negotiated(
        version=version,
        capabilities={},
        agent_info=None,
        auth_methods=[],
        result={"protocolVersion": answered},
    )
    assert is_semver(negotiated.version)


def test_the_whole_answer_is_kept() -> None:
    result = {
        "protocolVersion": 1,
        "agentCapabilities": {"loadSession": True},
        "agentInfo": {"name": "x", "version": "2026-11-01 beta"},
        "authMethods": [{"id": "login"}],
        "_meta": {"x": 1},
    }
    negotiated = negotiate(Protocol.ACP, parse(answer(result)))
    assert negotiated.capabilities == {"loadSession": True}
    assert negotiated.agent_info == result["agentInfo"]
    assert negotiated.auth_methods == [{"id": "login"}]
    assert negotiated.result == result


@pytest.mark.parametrize(
    ("protocol", "text", "told"),
    [
        (Protocol.ACP, answer({"protocolVersion": 2}), "version 2; 1 is needed"),
        (Protocol.ACP, answer({"protocolVersion": 99, "shape": "other"}), "version 99"),
        (Protocol.ACP, answer({"protocolVersion": "1"}), "version '1'"),
        (Protocol.ACP, answer({"protocolVersion": True}), "version True"),
        (Protocol.ACP, answer({"protocolVersion": "0.3.1"}), "version '0.3.1'"),
        (Protocol.ACP, answer({}), "names no protocolVersion"),
        (Protocol.ACP, answer([]), "no result object"),
        (Protocol.ACP, answer(None), "no result object"),
        (Protocol.ACP, answer({"protocolVersion": 1, "agentCapabilities": []}), "agentCapabilities"),
        (Protocol.ACP, answer({"protocolVersion": 1, "agentInfo": "x"}), "agentInfo"),
        (Protocol.ACP, answer({"protocolVersion": 1, "authMethods": {}}), "authMethods"),
        (Protocol.ACP, '{"id":1,"error":{"code":-32603,"message":"busy"}}', r"busy \(-32603\)"),
        (Protocol.ACP, '{"id":1,"error":null}', "refused"),
        (Protocol.ACP, '{"id":1,"method":"m"}', "no result object"),
        (Protocol.ACP, "not json", "cannot be read"),
        (Protocol.ACP, "42", "cannot be read"),
        (Protocol.ACP, '{"id":1,"result":{"a":1e999}}', "cannot be read"),
        (Protocol.HTTP, answer({"protocolVersion": 1}), "0.3.x is needed"),
        (Protocol.HTTP, answer({"protocolVersion": "0.4.0"}), "0.3.x is needed"),
        (Protocol.HTTP, answer({"protocolVersion": "0.3.01"}), "0.3.x is needed"),
        (Protocol.HTTP, answer({"protocolVersion": "0.3.1\n"}), "0.3.x is needed"),
    ],
)
def test_any_other_answer_ends_the_attempt(protocol: Protocol, text: str, told: str) -> None:
    with pytest.raises(HandshakeRefused, match=told):
        negotiate(protocol, parse(text))
