"""The first look at a frame is conservative: what it calls clean, the careful way would not change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.protocol import redaction
from app.protocol.frames import parse
from app.protocol.redaction_rules import EVERYWHERE, FORMS, HINTS, NAMES
from tests.support import secret_corpus

WORDS = [word for name in NAMES for word in name.words.replace("[a-z]*", "").split("|")]
SPELLINGS = [
    "GITHUB_TOKEN",
    "X-Api-Key",
    "apiKey",
    "db.password",
    "_auth",
    "toKen",
    "TOKENS",
    "tokens",
    "SECRETkey",
    "to\u212aen",
]
JOINS = [
    "=",
    ": ",
    ":",
    '": "',
    " ",
    "=>",
    "->",
    "\n",
    "\t",
    '","value":"',
    "', '",
    "\\",
    "/",
    "://",
    "@",
    "|",
    ">",
    "<",
    " is ",
]
VALUES = [
    "hunter2",
    "q7Zx81kLmP02vB3n",
    "3fa9c17be2d04b6a",
    "correcthorse",
    "$TOKEN",
    "42",
    "x" * 70,
    "aB3+/" * 15,
    "1E99999",
    "é",
    "\0",
    "«",
    "\U0001f600",
]
PIECES = st.sampled_from(
    [
        *SPELLINGS,
        *JOINS,
        *VALUES,
        *HINTS.split("|"),
        *EVERYWHERE,
        "toolCallId",
        "content",
        "name",
        "value",
        "-u ",
        "-p",
        "curl",
        "sshpass",
        "a:5432:b:c:",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=6).map("".join)
TREES = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
METHODS = st.sampled_from(["session/update", "session/prompt", "fs/read_text_file", None])


def changed(text: str, answers: str | None) -> bool:
    """Tell whether the careful way changes a frame's value."""
    frame = parse(text)
    careful = redaction._encode(
        redaction._value(redaction._decode(text), redaction._rules_of(frame, answers))
    )
    return json.loads(careful) != json.loads(text)


def check(text: str, answers: str | None) -> bool:
    """Check one frame, and tell whether it was called clean."""
    clean = redaction._is_clean(parse(text), answers)
    assert not (clean and changed(text, answers))
    return clean


@settings(max_examples=400, deadline=None)
@given(tree=TREES, method=METHODS, ascii_only=st.booleans(), answer=st.booleans())
@example(tree={"to\u212aen": "x"}, method="session/update", ascii_only=True, answer=False)
@example(tree={"name": "GITHUB_TOKEN", "value": "x"}, method="session/update", ascii_only=True, answer=False)
@example(tree={"value": "x", "name": "GITHUB_TOKEN"}, method="session/update", ascii_only=True, answer=False)
@example(tree="Basic\tQWxhZGRpbjpvcGVu", method="session/update", ascii_only=True, answer=False)
def test_what_is_called_clean_needs_no_redaction(
    tree: Any, method: str | None, *, ascii_only: bool, answer: bool
) -> None:
    body = {"result": tree, "id": 1} if answer else {"method": "session/update", "params": tree}
    check(json.dumps({"jsonrpc": "2.0", **body}, ensure_ascii=ascii_only), method)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_form_is_called_clean(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS))
    secret = data.draw(st.from_regex(form.pattern, fullmatch=True))
    before, after = data.draw(TEXTS), data.draw(TEXTS)
    check(
        json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": [f"{before}{secret}{after}"]}),
        None,
    )


def test_no_secret_of_the_corpus_is_called_clean() -> None:
    for sample in secret_corpus.samples(21, of_each=3):
        check(sample.frame, "session/prompt")
    for text in secret_corpus.plain(22, 500):
        check(text, "session/prompt")


def test_most_recorded_frames_are_clean(recorded_text: str) -> None:
    frame = parse(recorded_text)
    places = ("rawInput", "rawOutput", "mcpServers", "authMethods", '"content":[', "error", "\\ud8", "fs/w")
    if frame.code is None and not any(place in recorded_text for place in places):
        assert check(recorded_text, "session/prompt")


@pytest.mark.parametrize(
    "params",
    [
        r'{"\u0070assword":"x"}',
        r'{"a":"\u0067hp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2"}',
        r'{"a":"https:\/\/ann:pw@db.example"}',
        r'{"a":"x\u0000"}',
        r'{"a":"\ud83d"}',
        r'{"a":1E99999}',
    ],
)
def test_what_hides_behind_escapes_is_looked_at(params: str) -> None:
    assert not check(f'{{"jsonrpc":"2.0","method":"session/update","params":{params}}}', None)


def test_a_clean_frame_is_stored_as_it_came() -> None:
    text = '{ "jsonrpc" : "2.0", "method":"session/update", "params":{"n":1.50,"a":"Gr\\u00fc\u00dfe"} }'
    assert redaction.redact(parse(text)) == text.encode()
