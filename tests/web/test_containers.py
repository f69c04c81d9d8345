from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.models import AuditEvent, Container
from app.protocol.states import Cause
from app.queries import containers as queries

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
VALUES = {
    "name": "web-7",
    "endpoint_url": "http://127.0.0.1:9000/web-7",
    "supported_protocols": ["http", "acp"],
    "preferred_protocol": "acp",
    "acp_path": "/acp",
    "status": "running",
    "labels": "team=support\ntier=production",
}


def test_the_list_shows_containers_and_counts(sign_in: SignIn, world: World) -> None:
    world.connected(world.container("web-1"))
    world.container("web-2")
    page = sign_in("viewer").get("/containers").text
    assert "web-1" in page
    assert "web-2" in page
    assert '<b>1</b> <span class="state state-connected">' in page
    assert "never connected" in page


def test_an_empty_console_says_how_to_begin(sign_in: SignIn) -> None:
    assert "No containers yet" in sign_in("viewer").get("/containers").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=web", {"web-1", "web-2"}),
        ("q=WEB-1", {"web-1"}),
        ("q=100%25", set()),
        ("status=connected", {"web-1"}),
        ("status=never", {"web-2", "old"}),
        ("protocol=acp", set()),
        ("status=<script>", {"web-1", "web-2", "old"}),
        ("q=%00", {"web-1", "web-2", "old"}),
        ("label=tier%3Da", {"web-2"}),
        ("q=tier%3Da+web", {"web-2"}),
        ("owner=ann", {"old"}),
        ("only=stopped", {"old"}),
        ("only=stopped&only=errors", set()),
        ("only=nonsense&gateway=", {"web-1", "web-2", "old"}),
        ("gateway=nowhere", set()),
    ],
)
def test_the_url_narrows_the_list(sign_in: SignIn, world: World, query: str, found: set[str]) -> None:
    world.connected(world.container("web-1"))
    world.container("web-2", labels={"tier": "a"})
    world.container("old", owner="ann", status="stopped")
    answer = sign_in("viewer").get(
        f"/containers?{query}", headers={"HX-Request": "true", "HX-Target": "container-list"}
    )
    if query == "q=%00":
        assert answer.status_code == 400
        return
    assert {name for name in ("web-1", "web-2", "old") if f">{name}</a>" in answer.text} == found


def test_one_url_serves_the_page_and_the_list(sign_in: SignIn, world: World) -> None:
    world.container()
    viewer = sign_in("viewer")
    page = viewer.get("/containers")
    part = viewer.get("/containers", headers={"HX-Request": "true", "HX-Target": "container-list"})
    assert part.text.strip() in page.text
    assert not part.text.startswith("<!doctype")
    assert "HX-Request" in page.headers["Vary"]


def test_pages_follow_each_other_by_cursor(sign_in: SignIn, world: World) -> None:
    for number in range(60):
        world.container(f"web-{number:02}")
    viewer = sign_in("viewer")
    first = viewer.get("/containers").text
    second = viewer.get(link(first, "next")).text
    assert "web-49</a>" in first
    assert "web-50</a>" not in first
    assert "web-50</a>" in second
    assert "web-49</a>" not in second
    assert "web-49</a>" in viewer.get(link(second, "prev")).text
    assert viewer.get("/containers?after=x").status_code == 400


def link(page: str, rel: str) -> str:
    return page.partition(f'rel="{rel}" href="')[2].partition('"')[0].replace("&amp;", "&")


def test_heads_sort_and_keep_the_filter(sign_in: SignIn, world: World) -> None:
    for name, errors in (("web-1", 1), ("web-2", 3), ("old", 2)):
        world.connected(world.container(name)).error_count = errors
    world.session.commit()
    viewer = sign_in("viewer")
    assert 'href="/containers?q=web&amp;sort=errors"' in viewer.get("/containers?q=web").text
    page = viewer.get("/containers?q=web&sort=errors").text
    assert page.index("web-2</a>") < page.index("web-1</a>")
    assert 'aria-sort="descending"><a class="sort" href="/containers?q=web&amp;sort=-errors">' in page
    assert 'name="sort" value="errors"' in page
    other_way = viewer.get("/containers?sort=-errors").text
    assert other_way.index("web-1</a>") < other_way.index("old</a>") < other_way.index("web-2</a>")
    assert "flask --app wsgi containers list --search=web --sort=errors" in page


def test_register(sign_in: SignIn, world: World) -> None:
    answer = sign_in("admin").post("/containers/new", data=VALUES)
    stored = queries.get(world.session, "web-7")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/containers/{stored.id}"
    assert stored.labels == {"team": "support", "tier": "production"}
    assert stored.preferred_protocol == "acp"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "required"),
        ("name", "a b", "letters, digits"),
        ("name", "x\x00y", "control characters"),
        ("endpoint_url", "ftp://x", "http:// or https://"),
        ("endpoint_url", "http://u:p@x", "must not hold a user"),
        ("endpoint_url", "http://169.254.169.254", "which is never dialled"),
        ("endpoint_url", "http://10.0.0.1", "add its network to CONSOLE_ALLOWED_NETWORKS"),
        ("endpoint_url", "http://localhost:8765", "own: its gateway"),
        ("supported_protocols", ["http"], "one of the supported"),
        ("supported_protocols", ["gopher"], "not a valid choice"),
        ("acp_path", "acp", "starts with a slash"),
        ("labels", "no equals", "is not name=value"),
        ("credential", "hunter2", "a reference such as"),
        ("image", "x" * 501, "longer than 500"),
    ],
)
def test_register_refuses(sign_in: SignIn, world: World, field: str, value: object, problem: str) -> None:
    answer = sign_in("admin").post("/containers/new", data=VALUES | {field: value})
    assert answer.status_code == 422
    assert problem in answer.text
    assert world.session.scalar(select(Container.id)) is None


def test_register_says_that_a_name_is_taken(sign_in: SignIn, world: World) -> None:
    world.container("web-7")
    answer = sign_in("admin").post("/containers/new", data=VALUES)
    assert answer.status_code == 422
    assert "is registered already" in answer.text


def test_edit(sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    admin = sign_in("admin")
    assert "web-7" in admin.get(f"/containers/{container.id}/edit").text
    admin.post(f"/containers/{container.id}/edit", data=VALUES | {"owner": "billing"})
    world.session.refresh(container)
    assert container.owner == "billing"


def test_edit_keeps_acp_while_the_session_is_on_it(sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    world.migrated(container, world.connected(container))
    without_acp = VALUES | {"supported_protocols": ["http"], "preferred_protocol": "http"}
    answer = sign_in("admin").post(f"/containers/{container.id}/edit", data=without_acp)
    assert answer.status_code == 422
    assert "migrate it to HTTP first" in answer.text


def test_remove_needs_the_name_and_a_reason(sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    path, admin = f"/containers/{container.id}/remove", sign_in("admin")
    assert admin.post(path, data={"name": "web-8", "reason": "old"}).status_code == 422
    assert admin.post(path, data={"name": "web-7", "reason": " "}).status_code == 422
    assert world.session.scalar(select(Container.name)) == "web-7"
    assert admin.post(path, data={"name": "web-7", "reason": "old"}).headers["Location"] == "/containers"
    assert world.session.scalar(select(Container.name)) is None
    event = world.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.actor, event.action, event.reason) == ("admin@example.com", "container removed", "old")


def test_a_get_removes_nothing(sign_in: SignIn, world: World) -> None:
    container = world.container("web-7")
    sign_in("admin").get(f"/containers/{container.id}/remove?name=web-7&reason=x")
    assert world.session.scalar(select(Container.name)) == "web-7"


def test_the_page_shows_session_connections_migrations_and_messages(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    world.migrated(container, connection)
    world.record(connection, {"params": {"update": {"content": {"type": "text", "text": "good morning"}}}})
    page = sign_in("operator").get(f"/containers/{container.id}").text
    for words in ("good morning", "try it", str(connection.id), "Reconnect attempts", "Send a prompt"):
        assert words in page
    assert 'id="migrate"' not in page  # the form; its buttons are hidden from those who cannot use them
    assert Cause.OPERATOR in page


def test_what_strangers_wrote_is_text(sign_in: SignIn, world: World) -> None:
    container = world.container(image=HOSTILE, owner=HOSTILE, labels={HOSTILE: HOSTILE})
    connection = world.connected(container)
    message = world.record(connection, {HOSTILE: HOSTILE}, method=HOSTILE, error_message=HOSTILE, error=True)
    admin = sign_in("admin")
    paths = (
        "/",
        "/containers",
        f"/containers/{container.id}",
        f"/connections/{connection.id}",
        f"/messages/{message.id}",
    )
    for path in (*paths, f"/containers?q={HOSTILE}", f"/containers/{container.id}/edit"):
        page = admin.get(path).text
        assert "<script>document" not in page, path
        assert "<img src=x" not in page, path


def test_older_messages_continue_from_the_cursor(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    records = [world.record(connection, {"n": number}) for number in range(120)]
    viewer = sign_in("viewer")
    first = viewer.get(f"/containers/{container.id}").text
    assert f"before={records[70].id}" in first
    older = viewer.get(f"/containers/{container.id}/messages?before={records[70].id}").text
    assert f"message-{records[69].id}" in older
    assert f"message-{records[70].id}" not in older
    assert f"before={records[20].id}" in older
    plain = viewer.get(f"/containers/{container.id}?before={records[70].id}").text
    assert f"message-{records[69].id}" in plain
    assert "ws-connect" not in plain


@pytest.mark.parametrize("before", ["x", "%00", "00000000-0000-0000-0000-00000000000g"])
def test_a_broken_cursor_is_a_clear_error(sign_in: SignIn, world: World, before: str) -> None:
    container = world.container()
    assert sign_in("viewer").get(f"/containers/{container.id}?before={before}").status_code == 400


def test_no_two_elements_of_a_containers_page_share_an_id(sign_in: SignIn, world: World) -> None:
    container = world.container()
    world.connected(container)
    page = sign_in("admin").get(f"/containers/{container.id}").text
    ids = re.findall(r' id="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))
