"""The fleet's sessions: one line each by its latest prompt, narrowed, in pages, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.models import AcpMessage, new_id
from app.protocol.states import Protocol
from app.queries import fleet_sessions
from app.queries.fleet_sessions import SessionFilter
from app.services import connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container


class Talk:
    """Records prompts and answers on a connection."""

    def __init__(self, session: Session, container: Container) -> None:
        self.session = session
        self.connection: AcpConnection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")

    def ask(self, session_id: str | None = "s", text: str = "hello") -> AcpMessage:
        params = {"prompt": [{"type": "text", "text": text}]}
        return self._record(session_id, "request", {"params": params})

    def answer(self, asked: AcpMessage, *, failed: bool = False) -> AcpMessage:
        payload = {"error": {}} if failed else {"result": {"stopReason": "end_turn"}}
        more = {"error": failed, "error_message": "no (-1)" if failed else None}
        kind = "error" if failed else "response"
        return self._record(asked.acp_session_id, kind, payload, reply_to=asked.id, **more)

    def _record(self, session_id: str | None, kind: str, payload: Any, **more: Any) -> AcpMessage:
        message = AcpMessage(
            id=new_id(),
            connection_id=self.connection.id,
            direction="outbound",
            message_type="message",
            method="session/prompt",
            rpc_kind=kind,
            acp_session_id=session_id,
            payload=payload,
            size=1,
            **more,
        )
        self.session.add(message)
        self.session.flush()
        return message


@pytest.fixture
def talk(session: Session, register: Callable[..., Container]) -> Callable[[str], Talk]:
    return lambda name: Talk(session, register(name))


def ids(session: Session, **narrowed: Any) -> list[str]:
    page = fleet_sessions.page(session, SessionFilter(**narrowed))
    return [f"{each.container}/{each.session_id}" for each in page.sessions]


def test_each_session_stands_once_by_its_latest_prompt(session: Session, talk: Callable[[str], Talk]) -> None:
    one, two = talk("web-1"), talk("web-2")
    one.answer(one.ask("a"))
    one.ask("b")
    two.ask("a")  # another container's, with the same id
    one.answer(one.ask("a", "again"))
    one.ask(None)
    assert ids(session) == ["web-1/a", "web-2/a", "web-1/b"]
    page = fleet_sessions.page(session, SessionFilter()).sessions
    shown = fleet_sessions.of_keys(session, page)
    assert [key.session_id for key, each in shown.items() if each.answered is None] == ["a", "b"]
    first = shown[page[0]]
    assert first.payload["params"]["prompt"][0]["text"] == "again"
    assert (first.stop, first.failed) == ("end_turn", False)


def test_it_is_narrowed_to_containers_and_to_what_waits(
    session: Session, talk: Callable[[str], Talk]
) -> None:
    one, two, three = talk("web-1"), talk("web-2"), talk("db-1")
    one.answer(one.ask("answered"))
    two.answer(two.ask("failed"), failed=True)
    three.ask("open")
    assert ids(session, container="web-*") == ["web-2/failed", "web-1/answered"]
    assert ids(session, open_only=True) == ["db-1/open"]
    assert ids(session, container="web-1", open_only=True) == []
    one.ask("answered")  # asked again: it waits now
    assert ids(session, container="web-1", open_only=True) == ["web-1/answered"]


def test_pages_follow_each_other(session: Session, talk: Callable[[str], Talk]) -> None:
    one = talk("web-1")
    for number in range(7):
        one.ask(f"s{number}")
    one.ask("s0")
    seen, before = [], None
    while True:
        page = fleet_sessions.page(session, SessionFilter(), before=before, limit=3)
        seen += [each.session_id for each in page.sessions]
        if page.older is None:
            break
        before = page.older
    assert seen == ["s0", "s6", "s5", "s4", "s3", "s2", "s1"]


def test_a_rare_match_is_looked_for_within_a_window(
    session: Session, talk: Callable[[str], Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_sessions, "WINDOW", 4)
    one, other = talk("web-1"), talk("web-2")
    one.ask("rare")
    for number in range(10):
        other.ask(f"s{number}")
    narrowed, before, pages = SessionFilter("web-1"), None, 0
    while True:
        page, pages = fleet_sessions.page(session, narrowed, before=before), pages + 1
        if page.older is None:
            break
        assert page.sessions == []
        assert page.looked_to is not None
        before = page.older
    assert [each.session_id for each in page.sessions] == ["rare"]
    assert 2 <= pages <= 4


def test_open_prompts_are_found_however_old_they_are(
    session: Session, talk: Callable[[str], Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_sessions, "WINDOW", 2)
    one = talk("web-1")
    one.ask("waits")
    one.ask("answered later")
    for number in range(5):
        one.answer(one.ask(f"s{number}"))
    one.answer(one.ask("answered later"))
    page = fleet_sessions.page(session, SessionFilter(open_only=True))
    assert ([each.session_id for each in page.sessions], page.older) == (["waits"], None)


@pytest.mark.parametrize(
    ("container", "only_open", "read"),
    [
        (None, None, SessionFilter()),
        (" web-1\0 ", "1", SessionFilter("web-1", True)),
        ("x" * 999, "yes", SessionFilter("x" * 200)),
    ],
)
def test_whatever_an_address_holds_is_read(
    container: str | None, only_open: str | None, read: SessionFilter
) -> None:
    assert SessionFilter.read(container, only_open) == read
