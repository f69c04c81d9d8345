"""What a topic reads when its bell rings, and how often."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from app.live import searches, timelines
from app.live.channels import Bell, FleetBell
from app.live.listener import bells
from app.live.news import Records
from app.live.searches import Search
from app.live.timelines import ConnectionTimeline, ContainerTimeline
from app.models import new_id
from app.queries.message_filter import parse

if TYPE_CHECKING:
    from flask import Flask

    from app.models import AcpConnection, Container
    from tests.web.conftest import World


def heard_ids(search: Search) -> list[uuid.UUID]:
    return [row.id for news in search.refresh() if isinstance(news, Records) for row in news.rows]


@pytest.mark.parametrize(
    "payload",
    ["", "\n", "container", "container x", "window {0}", "messages {0}", "messages {0} {0} {0}", "fleet {0}"],
)
def test_a_bell_that_nobody_knows_is_not_heard(payload: str) -> None:
    assert list(bells(payload.format(uuid.uuid4()))) == []


def test_bells_are_read_by_the_line() -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    heard = bells(f"container {one}\nmessages {one} {two}\nfleet")
    assert list(heard) == [Bell(one), Bell(one, two), FleetBell()]


def test_a_topic_is_read_once_however_often_it_is_rung(
    app: Flask, world: World, container: Container, connection: AcpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.test_request_context():
        channel = ContainerTimeline(container.id)
        channel.refresh()
        reads = []
        read = channel._read
        monkeypatch.setattr(channel, "_read", lambda **bounds: reads.append(bounds) or read(**bounds))
        world.record(connection, {})
        for _ in range(50):
            channel.hear(Bell(container.id, connection.id))
        assert len(channel.refresh()) == 1
        assert channel.refresh() == []
    assert len(reads) == 1


def test_a_flood_is_shown_in_part_and_counted_in_full(
    app: Flask, world: World, connection: AcpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (timelines, searches):
        monkeypatch.setattr(module, "MOST_AT_ONCE", 10)
        monkeypatch.setattr(timelines, "MOST_A_SECOND", 0)
        monkeypatch.setattr(module, "SHOWN_OF_MORE", 4)
    with app.test_request_context():
        for channel in (ConnectionTimeline(connection.id), Search(parse("method:wanted"))):
            channel.refresh()
            made = [world.record(connection, {"n": n}, method="wanted").id for n in range(25)]
            channel.hear(Bell(connection.container_id, connection.id))
            (records,) = [each for each in channel.refresh() if isinstance(each, Records)]
            assert [row.id for row in records.rows] == made[:-5:-1]
            assert "21 more came" in records.skipped
            assert f"before={made[-4]}" in records.skipped
            world.record(connection, {}, method="wanted")
            channel.hear(Bell(connection.container_id, connection.id))
            assert channel.due_in() > 0  # until it is worth reading again


def test_a_search_finds_late_commits_of_one_connection_after_anothers(
    world: World, connection: AcpConnection, app: Flask
) -> None:
    other = world.connected(world.container("web-2"))
    late = new_id()
    with app.test_request_context():
        search = Search(())
        first = world.record(connection)
        search.hear(Bell(connection.container_id, connection.id))
        assert heard_ids(search) == [first.id]
        world.record(other, id=late)
        search.hear(Bell(other.container_id, other.id))
        assert heard_ids(search) == [late]
        assert late < first.id
