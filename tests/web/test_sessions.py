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


def hang(world: World) -> tuple[str, str, str]:
    """Record a prompt whose tool waits for a permission; return ids of container, prompt and permission."""
    container = world.container()
    connection = world.connected(container)
    at = {"acp_session_id": "s"}
    asked = world.record(
        connection,
        {"params": {"prompt": [{"type": "text", "text": "go"}]}},
        method="session/prompt",
        rpc_kind="request",
        direction="outbound",
        **at,
    )
    tool = {"sessionUpdate": "tool_call", "toolCallId": "c", "title": HOSTILE, "status": "in_progress"}
    world.record(connection, {"params": {"update": tool}}, **at)
    wanted = {"params": {"toolCall": {"title": f"run {HOSTILE}"}}}
    kind = {"method": "session/request_permission", "rpc_kind": "request", "message_type": "command"}
    permission = world.record(connection, wanted, **kind, **at)
    return str(container.id), str(asked.id), str(permission.id)


@pytest.mark.parametrize("view", ["", "?view=waterfall"])
def test_where_a_prompt_hangs_is_said_in_words_with_a_way_to_it(
    sign_in: SignIn, world: World, view: str
) -> None:
    container_id, asked, permission = hang(world)
    page = sign_in("viewer").get(f"/containers/{container_id}/sessions/s{view}").text
    assert "<b>Hangs</b> since <time" in page
    assert "the agent waits for an answer to its permission: run &lt;img" in page
    assert f'href="#step-{permission}">show the step</a>' in page
    assert f'id="step-{permission}"' in page
    assert "hangs since" in page
    assert f'href="/messages/{permission}"' in page
    assert f'href="/messages/{asked}"' in page
    assert f'id="turn-{asked}"' in page
    assert HOSTILE not in page


def test_the_waterfall_shows_when_each_step_began_and_keeps_its_place(sign_in: SignIn, world: World) -> None:
    container_id = converse(world)
    viewer = sign_in("viewer")
    page = viewer.get(f"/containers/{container_id}/sessions/sess/1?view=waterfall").text
    assert 'aria-current="page">Waterfall' in page
    assert 'class="lane step-thought"' in page
    assert 'class="num quiet">+' in page
    assert "sessions/sess/1?view=waterfall" in page.partition("ws-connect=")[2][:200]
    assert 'class="lane' not in viewer.get(f"/containers/{container_id}/sessions/sess/1?view=x").text


def test_a_failed_prompt_is_explained(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    kind = {"method": "session/prompt", "acp_session_id": "s"}
    asked = world.record(connection, {"params": {}}, rpc_kind="request", **kind)
    failed = {"rpc_kind": "error", "error": True, "error_message": "log in (-32000)", "reply_to": asked.id}
    world.record(connection, {"error": {"code": -32000}}, **failed, **kind)
    page = sign_in("viewer").get(f"/containers/{container.id}/sessions/s").text
    assert "the agent&#39;s own login has expired" in page


def test_a_page_that_begins_within_a_prompt_says_so(
    sign_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp_sessions, "SHOWN", 2)
    container_id = converse(world)
    page = sign_in("viewer").get(f"/containers/{container_id}/sessions/sess/1?view=waterfall").text
    earlier = page.partition('rel="prev" href="')[2].partition('"')[0]
    assert "view=waterfall" in earlier
    assert "Goes on from the page before" in sign_in("viewer").get(earlier.replace("&amp;", "&")).text


def test_the_fleet_s_sessions_are_listed_and_narrowed(sign_in: SignIn, world: World) -> None:
    container_id, asked, _ = hang(world)
    viewer = sign_in("viewer")
    page = viewer.get("/sessions/").text
    assert f'href="/containers/{container_id}/sessions/s#turn-{asked}"' in page
    assert "open since" in page
    assert f'id="session-{asked}"' in viewer.get("/sessions/?open=1&container=web-*").text
    assert "No session matches" in viewer.get("/sessions/?container=nobody").text
    assert "container=%22%3E" in viewer.get('/sessions/?container="><x>').text
    assert "<x>" not in viewer.get('/sessions/?container="><x>').text
    assert viewer.get("/sessions/?before=x").status_code == 400
    older = viewer.get(f"/sessions/?before={asked}").text
    assert "To the newest" in older
    assert "ws-connect" not in older


def test_the_list_of_the_fleet_is_empty_in_words(sign_in: SignIn) -> None:
    assert "No sessions" in sign_in("viewer").get("/sessions/").text
