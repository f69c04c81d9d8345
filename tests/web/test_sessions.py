"""A container's ACP sessions: the list, one as a conversation, and what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.queries import acp_sessions

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"


def converse(world: World, session_id: str = "sess/1") -> str:
    """Record a prompt that the agent thinks about and answers; return the container's id."""
    container = world.container()
    connection = world.connected(container)
    asked = world.record(
        connection,
        {"params": {"prompt": [{"type": "text", "text": HOSTILE}]}},
        method="session/prompt",
        rpc_kind="request",
        direction="outbound",
        acp_session_id=session_id,
    )
    update = {"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": "hm"}}
    for _ in range(3):
        world.record(connection, {"params": {"update": update}}, acp_session_id=session_id)
    answer = {"result": {"stopReason": "end_turn"}}
    kind = {"method": "session/prompt", "rpc_kind": "response", "reply_to": asked.id}
    world.record(connection, answer, acp_session_id=session_id, **kind)
    return str(container.id)


def test_a_session_is_listed_and_told(sign_in: SignIn, world: World) -> None:
    container_id = converse(world)
    viewer = sign_in("viewer")
    listed = viewer.get(f"/containers/{container_id}/sessions/").text
    assert f'href="/containers/{container_id}/sessions/sess/1"' in listed
    assert '<td class="num">1</td><td class="num">5</td>' in listed
    page = viewer.get(f"/containers/{container_id}/sessions/sess/1").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert HOSTILE not in page
    assert "hmhmhm" in page
    assert "end_turn" in page
    assert "<svg" in page


def test_a_long_one_has_pages(sign_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp_sessions, "SHOWN", 2)
    container_id = converse(world)
    viewer = sign_in("viewer")
    page = viewer.get(f"/containers/{container_id}/sessions/sess/1").text
    assert "end_turn" not in page  # its prompt stands on an earlier page
    earlier = page.partition('rel="prev" href="')[2].partition('"')[0]
    assert "To the newest" in viewer.get(earlier).text


@pytest.mark.parametrize("session_id", ["other", "sess", "sess/1/x"])
def test_one_that_is_not_there(sign_in: SignIn, world: World, session_id: str) -> None:
    container_id = converse(world)
    assert sign_in("viewer").get(f"/containers/{container_id}/sessions/{session_id}").status_code == 404


def test_a_container_without_any(sign_in: SignIn, world: World) -> None:
    container = world.container()
    assert "No sessions" in sign_in("viewer").get(f"/containers/{container.id}/sessions/").text
