"""A session's records as a conversation: the recorded traffic of real agents, and whatever strangers send."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from app.protocol.conversation import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.protocol.conversation import Turn

FRAMES = Path(__file__).parents[2] / "frames"
BEGIN = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


@dataclass
class Kept:
    """A record of a frame, as far as a conversation reads it."""

    id: uuid.UUID
    timestamp: dt.datetime
    payload: Any
    method: str | None = None
    rpc_kind: str | None = None
    reply_to: uuid.UUID | None = None
    error_message: str | None = None


def kept(frames: list[tuple[str, float, Any]]) -> Iterator[Kept]:
    """Pair frames as the gateway does, by who asked and which id."""
    asked: dict[tuple[str, Any], uuid.UUID] = {}
    for number, (way, seconds, payload) in enumerate(frames):
        record = Kept(uuid.UUID(int=number + 1), BEGIN + dt.timedelta(seconds=seconds), payload)
        if "method" in payload:
            record.method = payload["method"]
            record.rpc_kind = "request" if "id" in payload else "notification"
            if "id" in payload:
                asked[way, payload["id"]] = record.id
        else:
            record.reply_to = asked.get(("inbound" if way == "outbound" else "outbound", payload.get("id")))
            record.rpc_kind = "error" if "error" in payload else "response"
            record.error_message = payload.get("error", {}).get("message")
        yield record


def recorded(name: str) -> list[Turn]:
    frames = []
    for line in (FRAMES / name).read_text().splitlines():
        frame = json.loads(line)
        try:
            payload = json.loads(frame["text"])
        except ValueError:
            continue
        if isinstance(payload, dict):
            frames.append((frame["dir"], frame["t"], payload))
    return read(record for record in kept(frames) if record.method != "initialize")


def test_a_real_agents_turn_is_told_step_by_step() -> None:
    turn = next(turn for turn in recorded("opencode-1.18.33.jsonl") if turn.prompt)
    assert turn.prompt.startswith("Please use your tools: read notes.txt")
    assert turn.outcome == "end_turn"
    tools = [(step.title, step.text, step.status) for step in turn.steps if step.kind == "tool"]
    assert tools == [
        ("workspace/notes.txt", "read", "completed"),
        ("echo files: && ls", "execute", "completed"),
        ("workspace/out.txt", "edit", "completed"),
    ]
    permissions = [step for step in turn.steps if step.kind == "permission"]
    assert [(step.title, step.status) for step in permissions] == [
        ("echo files: && ls", "once"),
        ("/workspace/out.txt", "once"),
    ]
    assert all(step.ended and step.ended > step.started for step in permissions)
    (said,) = [step for step in turn.steps if step.kind == "message"]
    assert said.text.startswith("I read notes.txt, listed the files")
    assert said.records > 5


def test_turns_follow_each_other() -> None:
    turns = [turn for turn in recorded("py-sdk-0.12.1.jsonl") if turn.prompt]
    assert [turn.prompt.partition("\n")[0] for turn in turns][:2] == [
        "Hello, agent",
        'Grüße – ☕ 👍 漢字 and a "quoted" line',
    ]
    assert all(turn.ended for turn in turns)
    assert turns[0].steps[0].text == "echo: Hello, agent"


def prompt(number: int, text: str) -> tuple[str, float, Any]:
    params = {"prompt": [{"type": "text", "text": text}, {"type": "image", "data": "«base64»"}]}
    return ("outbound", number, {"id": number, "method": "session/prompt", "params": params})


def test_a_prompt_that_hangs_says_since_when() -> None:
    tool = {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "build", "status": "in_progress"}
    update = ("inbound", 3.0, {"method": "session/update", "params": {"update": tool}})
    (turn,) = read(kept([prompt(1, "go"), update]))
    assert turn.prompt == "go\n[image]"
    assert turn.open
    assert turn.last == BEGIN + dt.timedelta(seconds=3)
    (step,) = turn.steps
    assert (step.title, step.status, step.ended) == ("build", "in_progress", None)
    assert turn.hang is not None
    assert (turn.hang.words, turn.hang.step) == ("the tool has not finished: build", step)
    assert turn.hang.since == BEGIN + dt.timedelta(seconds=3)


def test_a_prompt_hangs_at_what_the_agent_asked_before_a_tool_and_before_silence() -> None:
    tool = {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "build", "status": "pending"}
    frames = [prompt(1, "go"), ("inbound", 2.0, {"method": "session/update", "params": {"update": tool}})]
    asked = {"toolCall": {"title": "run make"}}
    frames.append(("inbound", 4.0, {"id": 9, "method": "session/request_permission", "params": asked}))
    later = {"sessionUpdate": "tool_call_update", "toolCallId": "c"}
    frames.append(("inbound", 6.0, {"method": "session/update", "params": {"update": later}}))
    (turn,) = read(kept(frames))
    assert turn.hang is not None
    assert turn.hang.words == "the agent waits for an answer to its permission: run make"
    assert turn.hang.since == BEGIN + dt.timedelta(seconds=4)
    frames.append(("outbound", 7.0, {"id": 9, "result": {"outcome": {"optionId": "once"}}}))
    (turn,) = read(kept(frames))
    assert turn.hang is not None
    assert turn.hang.words == "the tool has not finished: build"
    assert turn.hang.since == BEGIN + dt.timedelta(seconds=6)
    done = {"sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "completed"}
    frames.append(("inbound", 8.0, {"method": "session/update", "params": {"update": done}}))
    (turn,) = read(kept(frames))
    assert turn.hang is not None
    assert (turn.hang.words, turn.hang.step) == ("the agent has said nothing more", None)
    assert turn.hang.since == BEGIN + dt.timedelta(seconds=8)
    frames.append(("inbound", 9.0, {"id": 1, "result": {"stopReason": "end_turn"}}))
    (turn,) = read(kept(frames))
    assert turn.hang is None


def test_an_error_is_the_outcome_and_what_follows_stands_outside() -> None:
    failure = ("inbound", 2.0, {"id": 1, "error": {"code": -32000, "message": "sign in first"}})
    plan = ("inbound", 3.0, {"method": "session/update", "params": {"update": {"sessionUpdate": "plan"}}})
    failed, outside = read(kept([prompt(1, "go"), failure, plan, plan]))
    assert (failed.outcome, failed.failed, failed.open) == ("sign in first", True, False)
    assert (outside.prompt, outside.open) == (None, False)
    assert [(step.title, step.records) for step in outside.steps] == [("plan", 2)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["params", "update", "sessionUpdate", "content", "text", "toolCallId", "prompt", "result"]
            ),
            inner | st.sampled_from(["tool_call", "agent_message_chunk", "plan"]),
            max_size=4,
        )
    ),
    max_leaves=8,
)
RECORDS = st.lists(
    st.builds(
        Kept,
        id=st.integers(1, 12).map(lambda number: uuid.UUID(int=number)),
        timestamp=st.just(BEGIN),
        payload=JSON,
        method=st.none()
        | st.sampled_from(["session/prompt", "session/update", "session/request_permission", "x"]),
        rpc_kind=st.none() | st.sampled_from(["request", "response", "error", "notification", "unanswered"]),
        reply_to=st.none() | st.integers(1, 12).map(lambda number: uuid.UUID(int=number)),
        error_message=st.none() | st.just("broken"),
    ),
    max_size=20,
)


@given(RECORDS)
def test_whatever_comes_is_told_and_nothing_is_left_out(records: list[Kept]) -> None:
    turns = read(records)
    told = sum(step.records for turn in turns for step in turn.steps)
    prompts = sum(turn.prompt is not None for turn in turns)
    answered = sum(turn.ended is not None for turn in turns)
    assert told + prompts + answered == len(records)
