"""Advice on whether a record fits ACP's schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.models import AcpMessage
from app.web.schema_advice import MOST, advise
from app.web.schema_models import MODELS

FRAMES = Path("tests/frames/opencode-1.18.33.jsonl")


def record(kind: str, method: str | None, payload: Any) -> AcpMessage:
    return AcpMessage(rpc_kind=kind, method=method, payload=payload)


def test_what_fits_is_said_to_fit() -> None:
    asked = record(
        "request", "session/prompt", {"params": {"sessionId": "s", "prompt": [{"type": "text", "text": "x"}]}}
    )
    answer = record("response", None, {"result": {"stopReason": "end_turn"}})
    assert advise(asked, None) == ("PromptRequest", [], 0)
    assert advise(answer, asked) == ("PromptResponse", [], 0)


def test_what_does_not_fit_is_named() -> None:
    found = advise(record("request", "session/prompt", {"params": {"prompt": 7}}), None)
    assert found is not None
    assert {each.path for each in found.problems} == {"params.sessionId", "params.prompt"}


@pytest.mark.parametrize(
    ("kind", "method", "payload"),
    [
        ("request", "_own/method", {"params": {}}),
        ("request", "session/prompt", {}),
        ("request", "session/prompt", [1]),
        ("request", None, None),
        ("response", None, {"result": {}}),
        ("error", None, {"error": {}}),
    ],
)
def test_of_others_nothing_is_said(kind: str, method: str | None, payload: Any) -> None:
    assert advise(record(kind, method, payload), None) is None


@pytest.mark.parametrize(
    "params", [None, 1, "x", [], [[]], {"a": {"b": 1}}, {"update": {"sessionUpdate": "odd"}}]
)
def test_whatever_was_sent_it_is_only_advice(params: Any) -> None:
    for method in MODELS:
        found = advise(record("request", method, {"params": params}), None)
        assert found is not None
        assert len(found.problems) <= MOST


def test_what_a_real_agent_says_fits() -> None:
    said = [json.loads(json.loads(line)["text"]) for line in FRAMES.read_text().splitlines()]
    for payload in said:
        if payload.get("method") == "session/update":
            found = advise(record("notification", "session/update", payload), None)
            assert found is not None
            assert found.problems == []
