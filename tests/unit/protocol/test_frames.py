from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol import frames
from app.protocol.frames import RpcKind, parse, with_id

HALF = "\\ud83d"  # what JSON.stringify writes for the first half of an emoji


def exactly(text: str | bytes) -> object:
    """Decode JSON with its numbers as they are written."""
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("text", "kind", "raw_id"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":"m"}', RpcKind.REQUEST, "1"),
        ('{"jsonrpc":"2.0","id":"1","method":"m"}', RpcKind.REQUEST, '"1"'),
        ('{"jsonrpc":"2.0","id":null,"method":"m"}', RpcKind.REQUEST, "null"),
        ('{"jsonrpc":"2.0","id":1.50,"method":"m"}', RpcKind.REQUEST, "1.50"),
        ('{"id":-7,"method":"m","result":{}}', RpcKind.REQUEST, "-7"),
        ('{"jsonrpc":"2.0","method":"m"}', RpcKind.NOTIFICATION, None),
        ('{"method":"m","params":[1]}', RpcKind.NOTIFICATION, None),
        ('{"jsonrpc":"2.0","id":1,"result":null}', RpcKind.RESPONSE, "1"),
        ('{"jsonrpc":"2.0","id":1,"result":{},"error":null}', RpcKind.RESPONSE, "1"),
        ('{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}', RpcKind.ERROR, "null"),
        ('{"jsonrpc":"2.0","error":{"code":-32601}}', RpcKind.ERROR, None),
        ('{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}', RpcKind.ERROR, "1"),
        ('{"\\u0069d":3,"method":"m"}', RpcKind.REQUEST, "3"),
        ('{"id":1,"id":2,"method":"m"}', RpcKind.REQUEST, "2"),
        (f'{{"id":1,"method":"m","params":"{HALF}"}}', RpcKind.REQUEST, "1"),
        (f'{{"id":"{HALF}","method":"m"}}', RpcKind.REQUEST, f'"{HALF}"'),
    ],
)
def test_kind_and_id_are_read_from_the_envelope(text: str, kind: RpcKind, raw_id: str | None) -> None:
    frame = parse(text)
    assert (frame.kind, frame.id, frame.text, frame.size) == (kind, raw_id, text, len(text.encode()))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", frames.PARSE_ERROR),
        ("this is {not json", frames.PARSE_ERROR),
        ('{"id":1,"method":"m"} x', frames.PARSE_ERROR),
        ('{"id":1,"method":"\0"}', frames.PARSE_ERROR),
        ('{"id":NaN,"method":"m"}', frames.PARSE_ERROR),
        ("\ufeff{}", frames.PARSE_ERROR),
        ("\ud800", frames.PARSE_ERROR),
        ('{"id":"\ud800","method":"m"}', frames.PARSE_ERROR),
        (f'{{"id":"{HALF}","method":"m"', frames.PARSE_ERROR),
        ('{"id":"\\ud8ex","method":"m"}', frames.PARSE_ERROR),
        ("42", frames.INVALID_REQUEST),
        ("null", frames.INVALID_REQUEST),
        ('"text"', frames.INVALID_REQUEST),
        ('[{"jsonrpc":"2.0","id":52,"method":"session/list"}]', frames.INVALID_REQUEST),
        ("{}", frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":1}', frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":1,"method":7}', frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":1,"method":null}', frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":{},"method":"m"}', frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":[1],"result":{}}', frames.INVALID_REQUEST),
        ('{"jsonrpc":"2.0","id":true,"method":"m"}', frames.INVALID_REQUEST),
        ('{"params":' + "[" * 100_000 + "]" * 100_000 + "}", frames.INVALID_REQUEST),
        ("[" * 100_000, frames.INVALID_REQUEST),
        ("[]" * 500 + '"' + '\\"' * 500_000, frames.INVALID_REQUEST),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_what_is_not_json_rpc_is_invalid_and_says_why(text: str, code: int) -> None:
    frame = parse(text)
    assert (frame.kind, frame.code, frame.text) == (RpcKind.INVALID, code, text)
    assert frame.problem
    assert frame.size == max(1, len(text.encode(errors="surrogatepass")))


@pytest.mark.parametrize(
    ("text", "session_id", "update"),
    [
        ('{"method":"m","params":{"sessionId":"s","update":{"sessionUpdate":"plan"}}}', "s", "plan"),
        ('{"method":"m","params":{"sessionId":"s","update":"not an object"}}', "s", None),
        ('{"method":"m","params":{"sessionId":7}}', None, None),
        ('{"method":"m","params":["s"]}', None, None),
        ('{"id":1,"result":{"sessionId":"s"}}', "s", None),
        ('{"id":1,"result":"s"}', None, None),
        ('{"id":1,"method":"m","result":{"sessionId":"s"}}', None, None),
    ],
)
def test_session_and_update_are_found(text: str, session_id: str | None, update: str | None) -> None:
    frame = parse(text)
    assert (frame.session_id, frame.update) == (session_id, update)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":42,"method":"foo/bar"}',
        '{"jsonrpc":"1.0","id":1,"method":"m"}',
        '{"jsonrpc":"2.0","id":1,"method":"m","result":1}',
        '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
        '{"jsonrpc":"2.0","error":{}}',
    ],
)
def test_odd_frames_are_taken_with_a_remark(text: str) -> None:
    frame = parse(text)
    assert frame.kind is not RpcKind.INVALID
    assert frame.problem


def test_another_id_leaves_everything_else_as_it_is_spelled() -> None:
    params = f'{{"n":1e999,"s":"{HALF}","t":"\\u00e9é"}}'
    text = f'{{"x":1.50e3,"jsonrpc":"2.0","id":"a","method":"m","params":{params}}}'
    assert with_id(parse(text), "7").text == text.replace('"a"', "7")


def test_every_recorded_frame_survives_another_id_and_back(recorded_text: str) -> None:
    frame = parse(recorded_text)
    assert frame.problem is None or frame.kind is RpcKind.INVALID or '"jsonrpc"' not in recorded_text
    if frame.id is None or frame.kind is RpcKind.INVALID:
        return
    assert with_id(frame, frame.id).text == recorded_text
    there = with_id(frame, "977")
    assert there == parse(there.text)
    assert exactly(there.text) == {**exactly(recorded_text), "id": 977}
    assert exactly(with_id(there, frame.id).text) == exactly(recorded_text)


@pytest.mark.parametrize(
    ("text", "requested"),
    [
        ('{"method":"$/cancel_request","params":{"requestId":"a","x":1.0}}', '"a"'),
        ('{"method":"$/cancel_request","params":{"x":1}}', None),
        ('{"method":"$/cancel_request","params":[1]}', None),
        ('{"method":"$/cancel_request"}', None),
    ],
)
def test_the_request_that_a_cancellation_names(text: str, requested: str | None) -> None:
    assert frames.requested_id(parse(text)) == requested
    if requested is not None:
        assert frames.with_requested_id(parse(text), "9").text == text.replace(requested, "9")


def test_builders_build_what_they_say() -> None:
    built = [
        frames.request("1", "m", {"a": 1}),
        frames.request('"x"', "m"),
        frames.notification("m", {"sessionId": "s"}),
        frames.result("null", None),
        frames.error("1", frames.METHOD_NOT_FOUND, "no such method", {"method": "m"}),
    ]
    assert [frame.text for frame in built] == [
        '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}',
        '{"jsonrpc":"2.0","id":"x","method":"m"}',
        '{"jsonrpc":"2.0","method":"m","params":{"sessionId":"s"}}',
        '{"jsonrpc":"2.0","id":null,"result":null}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method","data":{"method":"m"}}}',
    ]
    assert not any(frame.problem for frame in built)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ('{"code":-1,"message":"no \\"way\\""}', 'no "way" (-1)'),
        ('{"code":-1,"message":7}', "7 (-1)"),
        ("{}", "no message (no code)"),
        ('"broken"', '"broken"'),
        ("[1]", "[1]"),
    ],
)
def test_error_text_says_what_an_answer_says(error: str, text: str) -> None:
    assert frames.error_text(parse(f'{{"jsonrpc":"2.0","id":1,"error":{error}}}')) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON,
        "id": st.none() | st.integers() | st.text(max_size=4) | JSON,
        "method": st.sampled_from(["initialize", "session/prompt", "$/cancel_request"]) | JSON,
        "params": st.fixed_dictionaries({}, optional={"sessionId": JSON, "update": JSON, "requestId": JSON})
        | JSON,
        "result": JSON,
        "error": st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON}) | JSON,
        "_other": JSON,
    },
)


@given(st.text() | st.text(st.characters()) | MEMBERS.map(json.dumps) | JSON.map(json.dumps))
def test_no_text_makes_parsing_fail(text: str) -> None:
    frame = parse(text)
    assert frame.text == text
    assert (frame.kind is RpcKind.INVALID) == (frame.code is not None)
    if frame.kind is RpcKind.ERROR:
        assert frames.error_text(frame)
    if frame.kind is RpcKind.NOTIFICATION:
        assert frames.requested_id(frame) != ""


@given(MEMBERS.map(json.dumps), st.integers() | st.text())
def test_with_id_changes_the_id_and_nothing_else(text: str, new_id: int | str) -> None:
    frame = parse(text)
    if frame.kind is RpcKind.INVALID:
        return
    changed = with_id(frame, json.dumps(new_id))
    assert changed.id == json.dumps(new_id)
    assert exactly(changed.text) == {**exactly(text), "id": new_id}
