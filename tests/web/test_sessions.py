"""A container's ACP sessions: the list, one as a conversation, and what is not there."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import pytest

from app.queries import acp_sessions, cursors
from app.services import rollups
from tests.support.records import MOMENT, connect, record

if TYPE_CHECKING:
    import uuid

    from tests.web.conftest import SignIn, World

COUNTS = '<td class="num" data-label="prompts">{}</td><td class="num" data-label="messages">{}</td>'
HOSTILE = "<img src=x onerror=alert(1)>"
LEAST = cursors.write("active", (MOMENT.replace(year=1990), "00000000-0000-0000-0000-000000000000"))


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


def exchanged(world: World, connection: uuid.UUID, *sessions: str) -> None:
    """Record a prompt and two updates of each session, a second for each, as the recorder does."""
    for number, each in enumerate(sessions):
        of = {"acp_session_id": each, "timestamp": MOMENT + dt.timedelta(seconds=number)}
        prompt = {"method": "session/prompt", "rpc_kind": "request"}
        record(world.session, connection, [prompt | of, of, of])
    world.session.commit()


def keep(world: World) -> None:
    """Do what the gateway does every few seconds."""
    while rollups.add(world.session):
        world.session.commit()
    world.session.commit()


def test_a_session_is_listed_at_once_and_its_line_goes_on(sign_in: SignIn, world: World) -> None:
    container_id = world.container().id
    connection = connect(world.session, container_id)
    exchanged(world, connection, "sess/1", HOSTILE)
    viewer, path = sign_in("viewer"), f"/containers/{container_id}/sessions/"
    for _ in range(2):
        listed = viewer.get(path).text
        assert f'href="{path}sess/1"' in listed
        assert listed.count(COUNTS.format(1, 3)) == 2
        assert "&lt;img src=x onerror=alert(1)&gt;</a>" in listed
        assert HOSTILE not in listed
        assert "Still to be counted" not in listed
        keep(world)
    exchanged(world, connection, "sess/1")
    keep(world)
    listed = viewer.get(path).text
    assert COUNTS.format(2, 6) in listed
    assert listed.count("<tr>") == 1 + 2


def test_pages_of_sessions(sign_in: SignIn, world: World) -> None:
    container_id = world.container().id
    connection = connect(world.session, container_id)
    exchanged(world, connection, *(f"s{number:03}" for number in range(60)))
    keep(world)
    exchanged(world, connection, "s-new")
    viewer, path = sign_in("viewer"), f"/containers/{container_id}/sessions/"
    first = viewer.get(path).text
    after = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert after.startswith(f"{path}?after=")
    second = viewer.get(after).text
    listed = [re.findall(rf'href="{path}(s[-\w]+)"', page) for page in (first, second)]
    assert [len(each) for each in listed] == [50 + 1, 10]
    assert len({*listed[0], *listed[1]}) == 61
    assert f'rel="prev" href="{path}?before=' in second
    assert f'href="{path}">First page' in second
    assert viewer.get(f"{path}?after=x").status_code == 400
    keep(world)
    assert "No sessions on this page" in viewer.get(f"{path}?after={LEAST}").text


def test_a_list_that_is_not_complete_says_so(sign_in: SignIn, world: World) -> None:
    container_id = world.container().id
    connection = connect(world.session, container_id)
    exchanged(world, connection, *(f"s{number}" for number in range(400)))
    viewer, path = sign_in("viewer"), f"/containers/{container_id}/sessions/"
    page = viewer.get(path).text
    assert "Still to be counted, which happens by itself: 1,200 earlier messages of this" in page
    assert f'href="{path}s399"' in page
    keep(world)
    assert "Still to be counted" not in viewer.get(path).text


def test_sessions_without_a_line_of_their_own(sign_in: SignIn, world: World) -> None:
    container_id = world.container().id
    exchanged(world, connect(world.session, container_id), "x" * 201, "")
    viewer, path = sign_in("viewer"), f"/containers/{container_id}/sessions/"
    for _ in range(2):
        page = viewer.get(path).text
        assert "other sessions: their agent named too many" in page
        assert COUNTS.format(2, 6) in page
        keep(world)


def test_a_session_is_told(sign_in: SignIn, world: World) -> None:
    container_id = converse(world)
    viewer = sign_in("viewer")
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
