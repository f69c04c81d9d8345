from __future__ import annotations

import pytest

from app.protocol.frames import parse
from app.protocol.legacy import to_legacy


def no_id_needed() -> str:
    raise AssertionError("an id was taken for a frame that needs none")


def test_cancel_becomes_a_request_of_the_old_name() -> None:
    frame = parse('{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"s","_meta":{"n":1.0}}}')
    legacy = to_legacy(frame, lambda: "7")
    assert (
        legacy.text
        == '{"jsonrpc":"2.0","method":"cancel","params":{"sessionId":"s","_meta":{"n":1.0}},"id":7}'
    )
    assert (legacy.id, legacy.method, legacy.session_id) == ("7", "cancel", "s")


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","id":1,"method":"session/cancel"}',
        '{"jsonrpc":"2.0","id":1,"method":"session/prompt"}',
        '{"jsonrpc":"2.0","method":"_note"}',
        '{"jsonrpc":"2.0","id":1,"result":{}}',
    ],
)
def test_the_rest_is_unchanged(text: str) -> None:
    frame = parse(text)
    assert to_legacy(frame, no_id_needed) is frame
