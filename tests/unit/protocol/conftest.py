from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.protocol.handshake import Negotiated
from app.protocol.mux import Multiplexer
from app.protocol.states import Direction, Protocol

RECORDED = {
    path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for path in sorted((Path(__file__).parents[2] / "frames").glob("*.jsonl"))
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for a `recorded_text` once per frame, for a `conversation` once per file."""
    if "recorded_text" in metafunc.fixturenames:
        texts = {
            f"{name}:{n}": line["text"] for name, lines in RECORDED.items() for n, line in enumerate(lines, 1)
        }
        metafunc.parametrize("recorded_text", texts.values(), ids=texts.keys())
    if "conversation" in metafunc.fixturenames:
        spoken = [[(Direction(line["dir"]), line["text"]) for line in lines] for lines in RECORDED.values()]
        metafunc.parametrize("conversation", spoken, ids=RECORDED.keys())


class Clock:
    """A clock that tests set, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def offline_mux(clock: Clock) -> Multiplexer:
    ids = count(1)
    return Multiplexer(clock=clock, new_id=lambda: UUID(int=next(ids)))


@pytest.fixture
def negotiated() -> Negotiated:
    result: dict[str, Any] = {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}
    return Negotiated(
        version="1.0.0",
        capabilities={"loadSession": True},
        agent_info=None,
        auth_methods=[],
        result=result,
    )


@pytest.fixture
def mux(offline_mux: Multiplexer, negotiated: Negotiated) -> Multiplexer:
    """Two callers, `a` and `b`, on a container that is online over ACP."""
    offline_mux.online(Protocol.ACP, negotiated)
    offline_mux.join("a", "Anna's editor")
    offline_mux.join("b", "the backend")
    return offline_mux
