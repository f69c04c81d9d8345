"""Sessions that a gateway before this one saw made: whose they are, and what they were made with."""

from __future__ import annotations

import msgspec

from app.protocol.frames import parse
from app.protocol.preflight_findings import UNKNOWN
from app.protocol.preflight_findings import sessions as check
from app.protocol.redaction import redact
from app.protocol.sessions import MAX_OTHERS, HeldSession, RecordedSession, joined
from app.protocol.states import Protocol

MADE = {"cwd": "/workspace", "mcpServers": []}
RAW = {"cwd": msgspec.Raw(b'"/workspace"'), "mcpServers": msgspec.Raw(b"[]")}
SECRET = {
    "cwd": "/",
    "mcpServers": [{"name": "x", "command": "x", "args": [], "env": [{"name": "A", "value": "b"}]}],
}


def recorded(session_id: str, caller: str = "ann", params: object = MADE) -> RecordedSession:
    return RecordedSession.of(session_id, caller, params)


def test_what_a_session_was_made_with_is_read_and_what_was_redacted_is_not_known() -> None:
    assert recorded("s").settings == RAW
    request = {"jsonrpc": "2.0", "id": 1, "method": "session/new", "params": SECRET}
    stored = msgspec.json.decode(redact(parse(msgspec.json.encode(request).decode())))
    assert stored["params"] != SECRET
    assert recorded("s", params=stored["params"]).settings is None
    for unreadable in (None, "deeply nested", {}):
        assert recorded("s", params=unreadable).settings is None


def test_theirs_are_completed_and_those_of_who_is_there_added() -> None:
    used, own = HeldSession("used", None), HeldSession("own", {"cwd": msgspec.Raw(b'"/own"')})
    found = [recorded(each) for each in ("used", "own", "idle", "gone")] + [recorded("other", "bob")]
    assert joined([used, own], found, {"ann"}, {"used", "own", "gone"}.__contains__) == [
        HeldSession("used", RAW),
        own,
        HeldSession("idle", RAW),
    ]
    assert joined([], found, set(), lambda _: False) == []


def test_the_latest_record_counts_and_only_the_latest_sessions_are_added() -> None:
    found = [recorded("s"), recorded("s", params={"cwd": "/other"})]
    assert joined([], found, {"ann"}, lambda _: False) == [
        HeldSession("s", {"cwd": msgspec.Raw(b'"/other"')})
    ]
    many = [recorded(str(number)) for number in range(MAX_OTHERS + 2)]
    assert [each.session_id for each in joined([], many, {"ann"}, lambda _: False)] == [
        each.session_id for each in many[2:]
    ]


def test_the_preflight_names_those_of_which_nothing_is_known() -> None:
    found = check({"loadSession": True}, ["a", "b"], Protocol.ACP, ["b"])
    assert (found.verdict, found.reason) == ("warn", f"{UNKNOWN}: b cannot be carried over")
