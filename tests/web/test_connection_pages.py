"""The list of connections, the past, and states over time; and the list on the command line."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app.models import AcpConnection, AcpConnectionTransition, Container
from app.protocol.states import ConnectionStatus
from app.services import connections
from app.services.connections import Closed
from tests.web.test_containers import HOSTILE

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def lose(world: World, connection: AcpConnection, reason: str, by: str = "peer", code: int = 1011) -> None:
    connections.move(world.session, connection, ConnectionStatus.ERROR, reason, Closed(by, code))
    world.session.commit()


def at_noon(world: World) -> None:
    """Let all that has happened have happened within three seconds from noon on."""
    for made in (Container, AcpConnection):
        world.session.execute(update(made).values(created_at=NOON))
    for number, status in enumerate(("connected", "error"), start=1):
        of = AcpConnectionTransition.to_status == status
        moved = NOON + dt.timedelta(seconds=number)
        world.session.execute(update(AcpConnectionTransition).where(of).values(at=moved))
    world.session.commit()


@pytest.fixture
def lost(world: World) -> AcpConnection:
    """A connection that its container has closed, beside one that is connected and one that never was."""
    world.connected(world.container("web-2"))
    world.container("web-3")
    connection = world.connected(world.container("web-1"))
    lose(world, connection, "out of memory")
    return connection


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"web-1", "web-2"}),
        ("status=error", {"web-1"}),
        ("protocol=http", set()),
        ("q=WEB-2", {"web-2"}),
        ("by=peer", {"web-1"}),
        ("by=us", set()),
        ("kind=peer-1011", {"web-1"}),
        ("kind=broken", set()),
        ("since=1h", {"web-1", "web-2"}),
        ("until=2020-01-01", set()),
        ("status=%3Cscript%3E&kind=none&order=none", {"web-1", "web-2"}),
    ],
)
@pytest.mark.usefixtures("lost")
def test_the_url_narrows_the_list(sign_in: SignIn, query: str, found: set[str]) -> None:
    page = sign_in("viewer").get(f"/connections?{query}").text
    listed = page.partition('id="connection-list"')[2].partition("</section>")[0]
    assert set(re.findall(r">(web-\d)</a>", listed)) == found
    assert bool(found) != ("No connection matches" in listed)


def test_pages_keep_the_filter(sign_in: SignIn, world: World) -> None:
    container = world.container()
    for _ in range(55):
        connections.end(world.session, world.connected(container), "the container is stopped")
    world.session.commit()
    viewer = sign_in("viewer")
    first = viewer.get("/connections?kind=stopped&order=oldest").text
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None
    second = viewer.get(link[1].replace("&amp;", "&")).text
    assert (first.count("<tr>"), second.count("<tr>")) == (50 + 3, 5 + 3)  # two heads, and one kind of end
    assert 'rel="prev"' in second
    assert "kind=stopped" in link[1]
    assert "order=oldest" in link[1]


def test_ends_are_counted_as_links_and_explained(sign_in: SignIn, lost: AcpConnection) -> None:
    viewer = sign_in("viewer")
    page = viewer.get("/connections").text
    assert "the container closed it with 1011" in page
    assert "look into the container&#39;s log" in page
    assert 'href="/connections?kind=peer-1011&amp;since=24h"' in page
    assert "by the container, code 1011" in page
    assert str(lost.id)[-8:] in page


def test_what_dropped_together_is_told(sign_in: SignIn, world: World) -> None:
    for number in range(3):
        lose(world, world.connected(world.container(f"web-{number}", image="agent:7")), "x")
    at_noon(world)
    page = sign_in("viewer").get("/connections?since=2026-01-01&until=2026-01-02").text
    together = page.partition('id="together"')[2]
    assert "3 containers</b> within the minute" in together
    assert 'image</span> agent:7 <span class="quiet">all' in together
    assert "since=2026-01-01T12:00:00&amp;until=2026-01-01T12:01:00" in together


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize("noun", ["containers", "connections"])
@pytest.mark.parametrize(
    ("second", "state"), [(0, "disconnected"), (1, "connected"), (1.5, "connected"), (2, "error")]
)
def test_the_past_is_shown_as_such(
    sign_in: SignIn, world: World, noun: str, second: float, state: str
) -> None:
    at_noon(world)
    at = (NOON + dt.timedelta(seconds=second)).isoformat().removesuffix("+00:00")
    page = sign_in("viewer").get(f"/{noun}?at={at}").text
    for words in (
        "The past, not live.",
        f'href="/{noun}">Back to now</a>',
        "have\n  been removed since",
        at[:10],
    ):
        assert words in page or words.replace("\n  ", " ") in page, words
    assert "ws-connect" not in page
    row = page.partition(">web-1</a>")[0].rpartition("<tr>")[2]
    assert f"state-{state}" in row
    assert "never connected" in page.partition(">web-3</a>")[0].rpartition("<tr>")[2]
    assert f"at={at[:19]}&amp;status=connected" in page


@pytest.mark.usefixtures("lost")
def test_the_past_is_narrowed_and_before_all_is_empty(sign_in: SignIn, world: World) -> None:
    at_noon(world)
    viewer = sign_in("viewer")
    narrowed = viewer.get("/containers?at=2026-01-01T12:00:02&status=error").text
    assert (">web-1</a>" in narrowed, ">web-2</a>" in narrowed) == (True, False)
    assert "There were no containers" in viewer.get("/containers?at=2025-01-01").text
    assert "The past" not in viewer.get("/containers?at=").text


def test_states_over_time_on_both_pages(sign_in: SignIn, lost: AcpConnection) -> None:
    viewer = sign_in("viewer")
    for path in (f"/connections/{lost.id}", f"/containers/{lost.container_id}"):
        page = viewer.get(path).text
        band = page.partition('class="band"')[2].partition("</svg>")[0]
        assert 'class="band-error"' in band
        assert re.search(r"<title>error from [-0-9: .]+ UTC for [^:]+: out of memory</title>", band)
        table = page.partition('id="spans-24h-of-')[2].partition("</table>")[0]
        assert "by the container, code 1011" in table
        assert 'id="band-7d-of-' in viewer.get(f"{path}?range=7d").text
        assert 'id="band-24h-of-' in viewer.get(f"{path}?range=nonsense").text
        assert "style=" not in page


def test_a_connections_page_says_who_closed_it_how_often_and_what_to_do(
    sign_in: SignIn, lost: AcpConnection, world: World
) -> None:
    world.record(
        lost,
        {},
        direction="outbound",
        rpc_kind="request",
        method="session/prompt",
        rpc_id="1",
        caller="backend",
    )
    page = sign_in("viewer").get(f"/connections/{lost.id}").text
    ends = page.partition(f'id="ends-of-{lost.id}"')[2].partition("</div>\n</section>")[0]
    assert "<b>1</b> × the container closed it with 1011" in ends
    assert "the other side met an error of its own" in ends
    assert "look into the container&#39;s log" in ends
    assert "by the container, code 1011" in page
    assert "asked by backend" in page
    assert page.index("Waiting for the agent") < page.index('id="state-title"')


def test_what_a_container_said_is_text(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    lose(world, connection, HOSTILE)
    viewer = sign_in("viewer")
    for path in (
        "/",
        "/connections",
        f"/connections/{connection.id}",
        "/connections?at=2099-01-01",
        "/stuck",
    ):
        page = viewer.get(path).text
        assert "<script>document" not in page, path
        assert "<img src=x" not in page, path


def test_on_the_command_line(app: Flask, world: World, lost: AcpConnection) -> None:
    runner = app.test_cli_runner()

    def listed(*options: str) -> list[dict[str, object]]:
        result = runner.invoke(args=["connections", "list", *options, "--json"])
        assert result.exit_code == 0, result.output
        return list(json.loads(result.stdout))

    assert [row["container"] for row in listed()] == ["web-1", "web-2"]
    (row,) = listed("--status", "error", "--by", "peer", "--reason", "peer-1011", "--since", "2020-01-01")
    assert (row["id"], row["ended"]["word"]) == (str(lost.id), "peer-1011")  # type: ignore[index]
    at_noon(world)
    then = listed("--at", "2026-01-01T12:00:01")
    assert [(row["name"], row["status"]) for row in then] == [
        ("web-1", "connected"),
        ("web-2", "connected"),
        ("web-3", "never"),
    ]
    assert [row["name"] for row in listed("--at", "2026-01-01T12:00:02Z", "--status", "error")] == ["web-1"]
    plain = runner.invoke(args=["connections", "list", "--at", "2026-01-01T12:00:02"]).stdout
    assert re.search(r"web-1 +error +acp .* out of memory \(by the container\)", plain)
    for wrong in (["--at", "noon"], ["--reason", "none"], ["--at", "2026-01-01", "--by", "us"]):
        assert runner.invoke(args=["connections", "list", *wrong]).exit_code == 2, wrong
