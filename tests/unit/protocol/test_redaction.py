from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.protocol.frames import parse
from app.protocol.redaction import redact, redact_headers, redact_text

PLANTED = "Zq7-planted-Xy9"  # no token by its form: only its place gives it away

KEY_BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 3)
TOKENS = {
    "github": "ghp_" + "a1B2" * 9,
    "github fine-grained": "github_pat_11ABCDEFG0" + "aB3_" * 15,
    "gitlab": "glpat-" + "x1Y2z" * 4,
    "npm": "npm_" + "aB3" * 12,
    "pypi": "pypi-AgEIcHlwaS5vcmc" + "aB3-" * 20,
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws temporary": "ASIAIOSFODNN7EXAMPLE",
    "google": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "google oauth": "ya29.a0AfH6SMBx-1234567890abcdef",
    "azure": "abc8Q~" + "dEf_" * 9,
    "digitalocean": "dop_v1_" + "0a1b" * 16,
    "vault": "hvs.CAESI" + "Jx1_" * 8,
    "openai": "sk-proj-" + "aB3_" * 10,
    "anthropic": "sk-ant-api03-" + "aB3-" * 20,
    "hugging face": "hf_" + "aBcD" * 9,
    "groq": "gsk_" + "aB3d" * 12,
    "stripe": "sk_live_" + "4eC39H" * 4,
    "stripe webhook": "whsec_" + "aB3d" * 8,
    "sendgrid": "SG." + "aB3_" * 5 + "." + "xY9-" * 10,
    "mailgun": "key-" + "0a1b" * 8,
    "twilio": "SK" + "0a1b" * 8,
    "slack": "xoxb-123456789012-aBcDeFgHiJ",
    "slack app": "xapp-1-A0123-456-" + "0a1b" * 8,
    "slack hook": "hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX",
    "telegram": "123456789:AAF" + "aB3_" * 8,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
    "bearer": "Bearer abcdef0123456789",
    "basic": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "pem": f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----",
    "cut pem": f"-----BEGIN PRIVATE KEY-----\n{KEY_BODY[:80]}",
    "userinfo": "https://anna:hunter2@db.example/x",
    "assignment": "DB_PASSWORD=hunter2-and-more",
    "yaml": "client_secret: 'hunter 2 and more'",
    "json": '{"apiKey": "hunter2"}',
    "json in json": '{\\"apiKey\\": \\"hunter2\\"}',
    "assignment in an assignment": "auth=DB_PASSWORD=hunter2-and-more",
    "flag": "deploy --auth-token hunter2xyz",
    "query": "https://x.example/?page=2&access_token=hunter2xyz",
    "header": "curl -H 'Authorization: Token hunter2xyz'",
    "account key": "AccountName=x;AccountKey=hunter2xyz==;EndpointSuffix=y",
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo5876x" * 5,
    "base64 in lines": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo5876x/ABCDEFGHIJKLMNOPQRSTUVWXYZ1\n" * 4,
}
SECRET_PARTS = {
    "userinfo": "hunter2",
    "assignment": "hunter2",
    "yaml": "hunter",
    "assignment in an assignment": "hunter2",
    "json": "hunter2",
    "json in json": "hunter2",
    "flag": "hunter2",
    "query": "hunter2",
    "header": "hunter2",
    "account key": "hunter2",
    "pem": "MIIEvQ",
    "cut pem": "MIIEvQ",
    "bearer": "abcdef0",
    "basic": "QWxh",
    "jwt": "eyJzdWI",
    "base64": "QUJDREV",
    "base64 in lines": "QUJDREV",
}


def stored(frame: dict[str, Any] | str) -> str:
    text = frame if isinstance(frame, str) else json.dumps({"jsonrpc": "2.0", **frame})
    once = redact(parse(text))
    assert redact(parse(once.decode())) == once, "redacting again changed it"
    json.loads(once)
    return once.decode()


@pytest.mark.parametrize(
    "frame",
    [
        '{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":%s}}}',
        '{"id":1,"method":"session/prompt","params":{"prompt":[{"type":"text","text":%s}]}}',
        '{"id":1,"result":{"text":[[%s]]}}',
        '{"id":1,"error":{"code":-32603,"message":%s}}',
        '{"method":"_x","params":{%s:1}}',
        "%s",
        "[%s]",
    ],
)
@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_found_by_their_form_wherever_they_stand(kind: str, frame: str) -> None:
    before = stored(frame % json.dumps("nothing here"))
    assert "«" not in before
    after = stored(frame % json.dumps(f"see {TOKENS[kind]} here"))
    assert SECRET_PARTS.get(kind, TOKENS[kind]) not in after
    assert "«" in after


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_found_in_what_is_not_json(kind: str) -> None:
    assert SECRET_PARTS.get(kind, TOKENS[kind]) not in stored("{broken " + TOKENS[kind])


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PASSWORD",
        "db_password",
        "userPassword",
        "passphrase",
        "DB_PASS",
        "secret",
        "clientSecret",
        "token",
        "accessToken",
        "GITHUB_TOKEN",
        "githubToken",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "APIKey",
        "anthropicApiKey",
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "private_key",
        "privateKey",
        "credential",
        "credentials",
        "AWS_SECRET_ACCESS_KEY",
        "_auth",
        "jwt",
    ],
)
def test_keys_that_name_secrets_hide_their_values(key: str) -> None:
    for value in (PLANTED, [PLANTED], {"deep": [PLANTED]}, {"value": PLANTED}):
        assert PLANTED not in stored({"method": "_x", "params": {"inner": {key: value}}})
    assert "918273" not in stored({"method": "_x", "params": {key: 918273}})
    assert PLANTED not in stored({"method": "_x", "params": {"vars": [{"name": key, "value": PLANTED}]}})
    assert redact_headers({key: PLANTED}) != {key: PLANTED}


@pytest.mark.parametrize(
    "key",
    [
        "inputTokens",
        "outputTokens",
        "totalTokens",
        "tokens",
        "max_tokens",
        "tokenCount",
        "token_limit",
        "sessionId",
        "messageId",
        "toolCallId",
        "tokenizer",
        "secretary",
        "author",
        "authMethods",
        "publicKey",
        "key",
        "passed",
        "compass",
    ],
)
def test_keys_that_name_no_secret_stay_visible(key: str) -> None:
    frame = {"jsonrpc": "2.0", "method": "_x", "params": {key: "value-7", "n": {key: 42}}}
    assert json.loads(stored(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        {"method": "session/new", "params": {"mcpServers": [{"env": [{"name": "A", "value": PLANTED}]}]}},
        {"method": "session/new", "params": {"mcpServers": [{"headers": [{"name": "A", "value": PLANTED}]}]}},
        {"method": "session/new", "params": {"mcpServers": [{"args": ["--x", PLANTED]}]}},
        {"method": "session/new", "params": {"mcpServers": [{"url": f"https://mcp.example/x?k={PLANTED}"}]}},
        {"method": "session/new", "params": {"mcpServers": [{"url": f"https://u:{PLANTED}@mcp.example/x"}]}},
        {"method": "_x", "params": {"mcpServers": {"name": {"env": {"A": PLANTED}}}}},
        {"method": "terminal/create", "params": {"env": [{"name": "A", "value": PLANTED}]}},
        {"method": "terminal/create", "params": {"args": [PLANTED]}},
        {"method": "terminal/create", "params": {"command": PLANTED}},
        {"method": "authenticate", "params": {"methodId": "m", "_meta": {"deep": [PLANTED]}}},
        {"result": {"authMethods": [{"id": "x", "env": {"A": PLANTED}}]}},
        {"method": "fs/write_text_file", "params": {"path": "/x", "content": PLANTED}},
        {"result": {"content": PLANTED}},
        {"result": {"output": PLANTED, "truncated": False}},
        {"error": {"code": 1, "message": "m", "data": PLANTED}},
        {"error": {"code": 1, "message": "m", "data": {"a": [PLANTED]}}},
        {
            "method": "session/request_permission",
            "params": {"toolCall": {"toolCallId": "1", "rawInput": {"x": PLANTED}}},
        },
        {
            "method": "session/request_permission",
            "params": {"toolCall": {"toolCallId": "1", "content": [{"type": "diff", "newText": PLANTED}]}},
        },
        {
            "method": "session/prompt",
            "params": {"prompt": [{"type": "resource", "resource": {"text": PLANTED}}]},
        },
        *(
            {
                "method": "session/update",
                "params": {"update": {"toolCallId": "1", "sessionUpdate": kind, **copy}},
            }
            for kind in ("tool_call", "tool_call_update")
            for copy in (
                {"rawInput": {"command": PLANTED}},
                {"rawInput": PLANTED},
                {"rawInput": {"path": {"x": PLANTED}}},
                {"rawOutput": {"output": PLANTED}},
                {"content": [{"type": "content", "content": {"type": "text", "text": PLANTED}}]},
                {"content": [{"type": "diff", "path": "/x", "oldText": PLANTED, "newText": "b"}]},
                {"content": [{"type": "diff", "path": "/x", "oldText": None, "newText": PLANTED}]},
            )
        ),
    ],
    ids=json.dumps,
)
def test_places_are_marked_whatever_stands_there(frame: dict[str, Any]) -> None:
    assert PLANTED not in stored({"id": 1, **frame})


@pytest.mark.parametrize(
    ("answers", "result", "hidden"),
    [
        ("fs/read_text_file", {"content": PLANTED}, True),
        ("terminal/output", {"output": PLANTED}, True),
        ("session/prompt", {"stopReason": "end_turn", "content": PLANTED}, False),
        ("session/prompt", {"output": PLANTED}, False),
        (None, {"content": PLANTED}, True),
        (None, {"output": PLANTED}, True),
    ],
)
def test_an_answer_is_judged_by_what_it_answers(
    answers: str | None, result: dict[str, Any], *, hidden: bool
) -> None:
    frame = parse(json.dumps({"id": 1, "result": result}))
    assert (PLANTED not in redact(frame, answers).decode()) is hidden


def test_a_marker_says_what_stood_there_and_how_much() -> None:
    params = {"path": "/x", "content": "a" * 1234}
    assert "«file content, 1,234 characters»" in stored({"method": "fs/write_text_file", "params": params})
    assert redact_text("with ghp_" + "a1B2" * 9) == "with «token, 40 characters»"
    assert redact_text("password=x") == "password=«password, 1 character»"


PLACES = {"rawInput", "rawOutput", "content", "data"}


def test_recorded_traffic_is_marked_only_where_it_must_be(recorded_text: str) -> None:
    try:
        before = json.loads(recorded_text)
    except ValueError:
        before = recorded_text
    after = json.loads(stored(recorded_text))
    assert set(_changed(before, after, ())) <= set(_allowed(before))


def _changed(before: Any, after: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(before, dict):
        assert before.keys() == after.keys()
        return [found for key in before for found in _changed(before[key], after[key], (*path, key))]
    if isinstance(before, list):
        assert len(before) == len(after)
        return [found for b, a in zip(before, after, strict=True) for found in _changed(b, a, path)]
    return [] if before == after else [path]


def _allowed(frame: Any) -> list[tuple[str, ...]]:
    """List the paths of texts in a recorded frame's files, terminals and error data."""
    return [
        path for path in _texts(frame, ()) if PLACES & set(path) and "agent_message_chunk" not in str(frame)
    ]


def _texts(value: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [found for key, member in value.items() for found in _texts(member, (*path, key))]
    if isinstance(value, list):
        return [found for member in value for found in _texts(member, path)]
    return [path] if isinstance(value, str) else []


@pytest.mark.parametrize(
    "text",
    [
        "The basic idea of bearer authentication is simple.",
        "def f(token: str, password: str | None = None) -> bool:",
        "export TOKEN=$GITHUB_TOKEN and password=${DB_PASSWORD}",
        "usage: inputTokens=11, totalTokens: 18, max_tokens=4096",
        "see https://example.org/a/b?page=2#token and mail anna@example.org",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 of task-list",
        "commit 6b7e9f2f and uuid 847f72262ee142ed8d2150ca5779521f at 12:30:45",
        "=" * 300,
        "- " * 200,
        "a plan for the secret garden; cookies and passwords are words, too",
    ],
)
def test_plain_text_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_headers_that_carry_credentials_are_hidden_whole() -> None:
    assert redact_headers(
        {"Authorization": "Bearer x", "Cookie": "a=b; c", "Server": "x/1", "X-Note": "token=abc"}
    ) == {
        "Authorization": "«authorization, 8 characters»",
        "Cookie": "«cookie, 6 characters»",
        "Server": "x/1",
        "X-Note": "token=«token, 3 characters»",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":"x\\u0000y"}', {"a": "x␀y"}),
        ('{"a":"x\\ud83dy"}', {"a": "x\ufffdy"}),
        ('{"\\u0000":1}', {"␀": 1}),
        ('{"a":"\ud800"}', {"a": "\ufffd"}),
        ('{"a":1e999999}', {"a": "1e999999"}),
        ('{"a":-1E+0099999}', {"a": "-1E+0099999"}),
        ('{"a":' + "9" * 5000 + "}", {"a": "9" * 5000}),
        ("not \0 json \ud800", "not ␀ json \ufffd"),
        ('{"a":NaN}', '{"a":NaN}'),
        ("[" * 200_000, "«deeply nested frame, 200,000 characters»"),
        ("42", 42),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "replace").decode(),
)
def test_what_jsonb_refuses_is_replaced(text: str, expected: object) -> None:
    assert json.loads(stored(text)) == expected


def test_numbers_keep_their_digits() -> None:
    text = '{"a":[1.50,0.10000000000000000000001,123456789012345678901234567890,1E400,-0.0]}'
    assert stored(text) == text


HOSTILE = {
    "one word": "a",
    "assignments": "password=",
    "open quotes": 'password="',
    "mixed quotes": "password='\"",
    "escapes": 'password=\\"',
    "schemes": "://",
    "users": "://a@a@",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "dashes": "-",
    "flags": "--a ",
    "backslashes": "\\",
    "sk": "sk-",
    "jwt": "eyJ-",
    "jwt parts": "eyJaaaaaaaa.",
    "sendgrid": "SG.",
    "bearer": "Bearer ",
    "basic": "basic abcdefgh ",
    "dots": "a.b",
    "lines": "a" * 60 + "\n",
    "blobs": "aB3+" * 49 + "!",
    "spaces": "password ",
    "azure": "aaa0Q~",
    "digits": "1234567890",
    "colons": "a:",
    "webhooks": "discord.com/api/webhooks/1",
    "hints": "key=",
    "hints with values": "key=a1b2c3d4e5f6 ",
    "forms in a run": "eyJ-ghp_aaaaaaaaaaaaaaaaaaaaaaa1-",
    "plain users": "://ann@",
    "commands": "curl ",
    "commands with users": "curl -u a:bcd ",
    "sentences": "password is ",
    "netrc": "login a password ",
    "pgpass": "a:5432:b:c:",
    "chains": "token=a.a.a.a.a",
    "tags": "<token>",
    "calls": "token=a(",
    "headers": "authorization: \n",
    "images": ";base64,",
    "jwts in a row": "x.eyJaaaaaaaa",
    "parts that wait for more": "dt0c01.aaaaaa.",
    "ends without beginnings": "aaaaaa.atlasv1.",
    "code after a header": "authorization: f(",
    "variables in quotes": "token='$",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_text_makes_it_run_long(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    begun = time.process_time()
    once = redact_text(text)
    # Takes 0.01 to 2 s; a pattern that backtracks takes hours for a million characters.
    assert time.process_time() - begun < 10
    assert redact_text(once) == once


PIECES = st.sampled_from(
    [
        *TOKENS.values(),
        *TOKENS,
        "password",
        "=",
        ":",
        '"',
        "'",
        "\\",
        " ",
        "-",
        "--",
        "_",
        ".",
        "@",
        "://",
        "«",
        "»",
        ",",
        "\n",
        "«token, 40 characters»",
        "Bearer ",
        "a",
        "Z9",
        "?",
        "&",
        "x" * 100,
        "+/",
        "ab1" * 70,
        "\0",
        "\ud800",
        "é",
        ";",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text()
KEYS = st.sampled_from(
    ["password", "env", "name", "value", "content", "rawInput", "toolCallId", "url", "mcpServers", "type"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXTS, inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(TEXTS)
def test_redacting_a_text_again_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
    once.encode()


@settings(deadline=None)
@given(
    VALUES,
    st.sampled_from(["session/new", "terminal/create", "authenticate", "fs/write_text_file", "_x", None]),
)
def test_redacting_a_frame_again_changes_nothing(value: object, method: str | None) -> None:
    frame: dict[str, Any] = {"id": 1, "result": value, "error": value}
    stored(frame if method is None else {"id": 1, "method": method, "params": value})


@settings(deadline=None)
@given(TEXTS)
def test_any_text_can_be_stored(text: str) -> None:
    once = redact(parse(text))
    assert b"\\u0000" not in once
    json.loads(once.decode())
    assert redact(parse(once.decode())) == once
