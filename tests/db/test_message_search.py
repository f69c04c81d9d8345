"""Messages found by a filter: every field, paging to the end, and how far a page looks."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING

import pytest

from app.models import AcpMessage, new_id
from app.models.base import first_id_at
from app.protocol.states import Protocol
from app.queries import message_arrivals, message_search
from app.queries.message_filter import parse
from app.services import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container

    Register = Callable[..., Container]

FIELDS = {
    "ping": {"message_type": "status", "method": "_console/ping", "rpc_kind": "request", "rpc_id": "1"},
    "prompt": {
        "message_type": "message",
        "method": "session/prompt",
        "rpc_kind": "request",
        "rpc_id": '"a b"',
        "caller": "support",
        "acp_session_id": "sess-1",
        "payload": {"params": {"prompt": [{"text": "100% of_it, 50\\50"}]}},
    },
    "chunk": {
        "direction": "inbound",
        "method": "session/update",
        "rpc_kind": "notification",
        "acp_session_id": "sess-2",
        "size": 5000,
        "payload": {"text": "Grüße"},
    },
    "answer": {
        "direction": "inbound",
        "rpc_kind": "response",
        "rpc_id": "1",
        "message_type": "status",
        "processing_time": 700,
        "processed": True,
    },
    "failure": {
        "direction": "inbound",
        "rpc_kind": "error",
        "message_type": "command",
        "error": True,
        "error_message": "out of memory",
        "processing_time": 20,
        "processed": True,
    },
}


def add(session: Session, connection: AcpConnection, **fields: object) -> AcpMessage:
    values = {"id": new_id(), "direction": "outbound", "message_type": "message", "payload": {}, "size": 10}
    message = AcpMessage(connection_id=connection.id, **values | fields)
    session.add(message)
    session.flush()
    return message


@pytest.fixture
def connect(session: Session, register: Register) -> Callable[[str], AcpConnection]:
    return lambda name: connections.open_row(session, register(name).id, Protocol.ACP, "1.0.0")


@pytest.fixture
def records(session: Session, connect: Callable[[str], AcpConnection]) -> dict[str, AcpMessage]:
    """One record of each kind, on two containers: the last on the second."""
    first, second = connect("web-1"), connect("api-1")
    made: dict[str, AcpMessage] = {}
    for name, fields in FIELDS.items():
        reply = {"reply_to": made["ping"].id} if name == "answer" else {}
        made[name] = add(session, second if name == "failure" else first, **fields, **reply)
    return made


ALL = list(FIELDS)
FOUND = [
    ("", ALL),
    ("dir:in", ["chunk", "answer", "failure"]),
    ("dir:out dir:in", ALL),
    ("type:status", ["ping", "answer"]),
    ("type:status type:command", ["ping", "answer", "failure"]),
    ("-type:status", ["prompt", "chunk", "failure"]),
    ("-type:status -type:command", ["prompt", "chunk"]),
    ("kind:request", ["ping", "prompt"]),
    ("-kind:request", ["chunk", "answer", "failure"]),
    ("method:session/prompt", ["prompt"]),
    ("method:session/*", ["prompt", "chunk"]),
    ("method:_*", ["ping"]),
    ("-method:session/*", ["ping", "answer", "failure"]),
    ("status:error", ["failure"]),
    ("status:ok", ["ping", "prompt", "chunk", "answer"]),
    ("status:unanswered", ["prompt"]),
    ("-status:unanswered", ["ping", "chunk", "answer", "failure"]),
    ("status:undelivered", ["ping", "prompt", "chunk"]),
    ("id:1", ["ping", "answer"]),
    ('id:"a b"', ["prompt"]),
    ("session:sess-1", ["prompt"]),
    ("session:sess-*", ["prompt", "chunk"]),
    ("-session:sess-1", ["ping", "chunk", "answer", "failure"]),
    ("caller:support", ["prompt"]),
    ("container:web-1", ["ping", "prompt", "chunk", "answer"]),
    ("container:api-*", ["failure"]),
    ("container:web-1 container:api-1", ALL),
    ("-container:web-1", ["failure"]),
    ("container:nobody", []),
    ("took:>500", ["answer"]),
    ("took:>10 took:<500", ["failure"]),
    ("took:20", ["failure"]),
    ("-took:>500", ["ping", "prompt", "chunk", "failure"]),
    ("size:>=5000", ["chunk"]),
    ("Grüße", ["chunk"]),
    ("grüsse", []),
    ('"100% of_it"', ["prompt"]),
    ('"100%it"', []),
    ('"OUT OF"', ["failure"]),
    ("-session", ["ping", "answer", "failure"]),
    ("memory dir:in took:<100 container:api-1", ["failure"]),
    ("since:1h", ALL),
    ("until:1h", []),
    ("since:2020-01-01 until:2999-12-31T23:59", ALL),
]


def names(records: dict[str, AcpMessage], found: Sequence[AcpMessage]) -> list[str]:
    of_id = {record.id: name for name, record in records.items()}
    return [of_id[each.id] for each in reversed(found)]


@pytest.mark.parametrize(("written", "expected"), FOUND, ids=[each[0] or "all" for each in FOUND])
def test_a_filter_finds(
    session: Session, records: dict[str, AcpMessage], written: str, expected: list[str]
) -> None:
    terms = parse(written)
    found = message_search.page(session, terms)
    assert names(records, found.records) == expected
    assert (found.older, found.looked_to) == (None, None)
    before_all = message_arrivals.after(session, terms, uuid.UUID(int=0))
    assert names(records, before_all) == expected


def test_a_connection_is_found_by_its_id(session: Session, records: dict[str, AcpMessage]) -> None:
    terms = parse(f"connection:{records['failure'].connection_id}")
    assert names(records, message_search.page(session, terms).records) == ["failure"]
    assert names(records, message_arrivals.after(session, terms, records["failure"].id)) == []


@pytest.mark.parametrize("written", ["", "container:web-*", "method:m", "container:web-1 container:web-2"])
def test_pages_go_to_the_end(session: Session, connect: Callable[[str], AcpConnection], written: str) -> None:
    connections = [connect("web-1"), connect("web-2")]
    made = [add(session, connections[number % 2], method="m").id for number in range(25)]
    seen: list[uuid.UUID] = []
    before = None
    while True:
        found = message_search.page(session, parse(written), before=before, limit=10)
        seen += [each.id for each in found.records]
        before = found.older
        if before is None:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("scope", ["", "container:web-1"])
def test_a_page_says_how_far_it_has_looked(
    session: Session, connect: Callable[[str], AcpConnection], monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(message_search, "WINDOW", 10)
    connection = connect("web-1")
    made = [add(session, connection, method="rare" if number == 0 else "m") for number in range(25)]
    terms = parse(f"{scope} method:rare")
    first = message_search.page(session, terms)
    assert (list(first.records), first.older, first.looked_to) == ([], made[14].id, made[14].timestamp)
    second = message_search.page(session, terms, before=first.older)
    assert (list(second.records), second.older) == ([], made[3].id)
    last = message_search.page(session, terms, before=second.older)
    assert (list(last.records), last.older) == ([made[0]], None)


@pytest.mark.parametrize("scope", ["", "container:web-1"])
def test_a_page_without_time_has_looked_at_some(
    session: Session, connect: Callable[[str], AcpConnection], monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(message_search, "SECONDS", 0)
    monkeypatch.setattr(message_search, "FIRST_RECORDS", 10)
    connection = connect("web-1")
    made = [add(session, connection, method="rare" if number == 0 else "m") for number in range(15)]
    first = message_search.page(session, parse(f"{scope} method:rare"))
    assert (list(first.records), first.older, first.looked_to) == ([], made[4].id, made[4].timestamp)
    last = message_search.page(session, parse(f"{scope} method:rare"), before=first.older)
    assert (list(last.records), last.older) == ([made[0]], None)


def test_errors_are_found_by_their_index_however_far_behind(
    session: Session, connect: Callable[[str], AcpConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "SECONDS", 0)
    monkeypatch.setattr(message_search, "FIRST_RECORDS", 3)
    connection = connect("web-1")
    made = [add(session, connection, method="m", error=number in {0, 1, 14}) for number in range(15)]
    found = message_search.page(session, parse("status:error"))
    assert (list(found.records), found.older) == ([made[14], made[1], made[0]], None)


@pytest.mark.parametrize("asked", ["method:odd", "status:error", "status:error method:odd"])
@pytest.mark.parametrize("limit", [1, 3, 4, 20])
def test_a_page_looks_on_until_it_is_full(
    session: Session,
    connect: Callable[[str], AcpConnection],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    asked: str,
) -> None:
    """However few are looked at at first, nothing is left out where one step ends and another begins."""
    monkeypatch.setattr(message_search, "SECONDS", 60)
    monkeypatch.setattr(message_search, "FIRST_RECORDS", 2)
    connection = connect("web-1")
    made = [
        add(session, connection, method="odd" if number % 2 else "m", error=number % 3 > 0)
        for number in range(16)
    ]
    wanted = [each for each in made if each.method == "odd"] if "odd" in asked else made
    wanted = [each for each in wanted if each.error] if "error" in asked else wanted
    seen, before = [], None
    while True:
        found = message_search.page(session, parse(asked), before=before, limit=limit)
        assert found.looked_to is None
        seen += [each.id for each in found.records]
        before = found.older
        if before is None:
            break
    assert seen == [each.id for each in wanted][::-1]


def test_a_time_in_the_past_is_jumped_to(
    session: Session, connect: Callable[[str], AcpConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "WINDOW", 5)
    connection = connect("web-1")
    old = first_id_at(dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC))
    add(session, connection, id=old)
    for _ in range(10):
        add(session, connection)
    found = message_search.page(session, parse("until:2024-05-02 since:2024-05-01"))
    assert [each.id for each in found.records] == [old]


def test_an_id_begins_with_its_time() -> None:
    before, made, after = (dt.datetime.now(dt.UTC), new_id(), dt.datetime.now(dt.UTC))
    assert first_id_at(before) <= made < first_id_at(after + dt.timedelta(milliseconds=1))
    assert first_id_at(before).version == 7
