from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from app.protocol.classify import PING_METHOD, classify
from app.protocol.frames import RpcKind, parse
from app.protocol.states import MessageType

if TYPE_CHECKING:
    from app.protocol.frames import Frame
    from app.protocol.states import Direction


def update(kind: str) -> str:
    return json.dumps(
        {"method": "session/update", "params": {"sessionId": "s", "update": {"sessionUpdate": kind}}}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id":1,"method":"initialize"}', MessageType.CONNECT),
        ('{"id":1,"method":"session/prompt"}', MessageType.MESSAGE),
        (update("agent_message_chunk"), MessageType.MESSAGE),
        (update("user_message_chunk"), MessageType.MESSAGE),
        (update("agent_thought_chunk"), MessageType.MESSAGE),
        (update("a_message_of_tomorrow"), MessageType.MESSAGE),
        (update("usage_update"), MessageType.STATUS),
        (update("current_mode_update"), MessageType.STATUS),
        (update("config_option_update"), MessageType.STATUS),
        (update("session_info_update"), MessageType.STATUS),
        ('{"method":"_auth/status_update"}', MessageType.STATUS),
        (f'{{"id":1,"method":"{PING_METHOD}"}}', MessageType.STATUS),
        ('{"id":1,"method":"session/new"}', MessageType.COMMAND),
        ('{"id":1,"method":"cancel"}', MessageType.COMMAND),
        ('{"id":1,"method":"fs/read_text_file"}', MessageType.COMMAND),
        ('{"id":1,"method":"_acme/extension"}', MessageType.COMMAND),
        ('{"method":"session/cancel"}', MessageType.COMMAND),
        ('{"method":"$/cancel_request"}', MessageType.COMMAND),
        (update("tool_call"), MessageType.EVENT),
        (update("tool_call_update"), MessageType.EVENT),
        (update("plan"), MessageType.EVENT),
        (update("available_commands_update"), MessageType.EVENT),
        ('{"method":"elicitation/complete"}', MessageType.EVENT),
        ('{"method":"_acme/note"}', MessageType.EVENT),
        ('{"method":"session/update","params":[]}', MessageType.EVENT),
        ("42", MessageType.EVENT),
        ('{"id":1,"result":{}}', MessageType.EVENT),
    ],
)
def test_first_rule_that_fits(text: str, expected: MessageType) -> None:
    assert classify(parse(text)) is expected


@pytest.mark.parametrize("answered", MessageType)
@pytest.mark.parametrize("text", ['{"id":1,"result":{}}', '{"id":1,"error":{}}'])
def test_an_answer_has_its_requests_type(text: str, answered: MessageType) -> None:
    assert classify(parse(text), answered) is answered


def types_of(conversation: list[tuple[Direction, str]]) -> list[tuple[Frame, MessageType]]:
    """Classify a recorded conversation, its answers by who asked and under which id."""
    asked: dict[tuple[Direction, str | None], MessageType] = {}
    classified = []
    for direction, text in conversation:
        frame = parse(text)
        kind = classify(
            frame, asked.pop((direction.opposite, frame.id), None) if frame.method is None else None
        )
        if frame.kind is RpcKind.REQUEST:
            asked[direction, frame.id] = kind
        classified.append((frame, kind))
    return classified


def test_recorded_frames_have_the_types_that_a_reader_gives_them(
    conversation: list[tuple[Direction, str]],
) -> None:
    for frame, kind in types_of(conversation):
        if (
            frame.update == "agent_message_chunk"
            or frame.method == "session/prompt"
            or '"stopReason"' in frame.text
        ):
            assert kind is MessageType.MESSAGE
        elif frame.update is not None or frame.kind is RpcKind.INVALID:
            assert kind is MessageType.EVENT
        elif '"protocolVersion"' in frame.text:
            assert kind is MessageType.CONNECT
        elif frame.kind is RpcKind.REQUEST or '"sessionId"' in frame.text or '"outcome"' in frame.text:
            assert kind is MessageType.COMMAND


def test_counts_of_recorded_types(
    request: pytest.FixtureRequest, conversation: list[tuple[Direction, str]]
) -> None:
    expected = {
        "opencode-1.18.33": {"connect": 2, "message": 40, "command": 8, "event": 13},
        "py-sdk-0.12.1": {"connect": 2, "message": 9, "command": 11, "event": 2},
        "ts-sdk-2.4.0": {"connect": 2, "message": 15, "command": 11, "event": 15},
    }
    counted = Counter(str(kind) for _, kind in types_of(conversation))
    assert counted == expected[request.node.callspec.id]
