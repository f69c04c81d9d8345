"""The page of statistics: figures, links to what is behind them, hostile names, and that it is live."""

from __future__ import annotations

import datetime as dt
import json
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from app.live.figures import Statistics
from app.live.news import Place
from app.protocol.latencies import bin_of, value_of
from app.protocol.states import Protocol
from app.queries import message_search
from app.queries.message_filter import parse
from app.queries.statistics_view import View
from app.services import configurations, rollups
from app.services.configurations import ConfigurationValues
from app.web.quantities import milliseconds
from tests.support.records import connect, record
from tests.support.store import TESTER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid

    from flask import Flask

    from tests.web.conftest import SignIn, World

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def exchanged(world: World, connection: uuid.UUID, rows: list[dict[str, object]]) -> None:
    """Record and roll up, some minutes ago, so that the minute is over."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    record(world.session, connection, [{"timestamp": moment} | row for row in rows])
    world.session.commit()
    rollups.add(world.session)
    world.session.commit()


@pytest.fixture
def connection(world: World) -> uuid.UUID:
    connection_id = connect(world.session, world.container("web-1").id)
    exchanged(
        world,
        connection_id,
        [
            *[{"method": "session/prompt", "processing_time": 40, "size": 512}] * 9,
            {"method": "session/prompt", "processing_time": 8000, "error": True},
            *[{"method": "session/update"}] * 90,
        ],
    )
    return connection_id


@pytest.mark.usefixtures("connection")
def test_the_figures(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/statistics/").text
    for told in (">100<", "1.0 %", "13.4 KiB", "session/prompt", "session/update", "by the minute"):
        assert told in page, told
    assert milliseconds(value_of(bin_of(8000))) in page
    assert page.count("<svg") == 3
    assert "style=" not in page.partition("<main")[2]


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("by", ["method", "type", "container", "connection", "protocol"])
def test_every_grouping(sign_in: SignIn, by: str) -> None:
    page = sign_in("viewer").get(f"/statistics/?by={by}&last=24h&sort=p95").text
    expected = {"method": "session/update", "type": "event", "container": "web-1", "connection": "web-1"}
    rows = page.partition('class="table rows statistics-table"')[2]
    assert expected.get(by, "ACP") in rows
    assert 'aria-sort="descending"' in rows


def test_a_number_leads_to_the_messages_behind_it(
    app: Flask, sign_in: SignIn, world: World, connection: uuid.UUID
) -> None:
    moment = dt.datetime.now(dt.UTC)
    loads = [{"method": "session/load", "error": n < 2, "timestamp": moment} for n in range(7)]
    exchanged(world, connection, loads)
    page = sign_in("viewer").get("/statistics/?container=web-1&method=session/load").text
    for identifier, count in (("all-messages", 7), ("all-errors", 2), ("group-1-messages", 7)):
        address = unescape(page.split(f'" id="{identifier}"')[0].rpartition('href="')[2])
        (written,) = parse_qs(urlsplit(address).query)["filter"]
        with app.app_context():
            assert len(message_search.page(world.session, parse(written)).records) == count


@pytest.mark.usefixtures("connection")
def test_hostile_methods_are_text(sign_in: SignIn, world: World, connection: uuid.UUID) -> None:
    exchanged(world, connection, [{"method": HOSTILE}, {"method": "a\x01b"}, {"method": 'x" -type:event'}])
    for address in ("/statistics/", "/statistics/?container=web-1"):
        page = sign_in("viewer").get(address).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page
    answer = sign_in("viewer").get("/statistics/", query_string={"method": HOSTILE, "container": HOSTILE})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_http_beside_acp(sign_in: SignIn, world: World) -> None:
    container = world.container("both")
    for transport, time in ((Protocol.HTTP, 400), (Protocol.ACP, 100)):
        connection_id = connect(world.session, container.id, transport)
        exchanged(world, connection_id, [{"method": "session/prompt", "processing_time": time}] * 4)
        world.session.connection().exec_driver_sql("UPDATE acp_connection SET status = 'disconnected'")
        world.session.commit()
    page = sign_in("viewer").get("/statistics/?container=both").text
    assert "HTTP beside ACP" in page
    faster = round((value_of(bin_of(400)) - value_of(bin_of(100))) / value_of(bin_of(400)) * 100)
    assert 70 < faster < 80
    assert f"{faster} %" in page.partition("ACP to HTTP")[2]
    assert "HTTP beside ACP" not in sign_in("viewer").get("/statistics/?container=both&protocol=acp").text


def test_what_is_not_measured_is_said(sign_in: SignIn, world: World) -> None:
    container = world.container("web-1")
    assert "not measured" not in sign_in("viewer").get("/statistics/").text
    off = ConfigurationValues(
        **ConfigurationValues.of(container.configuration).as_dict() | {"enable_metrics": False}
    )
    configurations.update(world.session, container.configuration, off, TESTER, "to see")
    world.session.commit()
    viewer = sign_in("viewer")
    said = "1 container is not measured"
    eventually(lambda: viewer.get("/statistics/").text, lambda page: said in page)  # figures are kept a while
    assert "It is not measured" in sign_in("viewer").get("/statistics/?container=web-1").text


def test_nothing_yet_and_nothing_that_matches(sign_in: SignIn) -> None:
    assert "Nothing yet" in sign_in("viewer").get("/statistics/").text
    page = sign_in("viewer").get("/statistics/?container=nobody").text
    assert "Nothing matches" in page
    assert "of a container named “nobody”" in page


@pytest.mark.parametrize(
    "query", ["last=9y", "by=payload", "from=never", "from=2999-01-01T00:00", "connection=7"]
)
def test_an_address_that_cannot_be(sign_in: SignIn, query: str) -> None:
    answer = sign_in("viewer").get(f"/statistics/?{query}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "live-socket" not in answer.text


def test_a_range_of_the_past_does_not_pretend_to_be_live(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/statistics/?from=2026-01-01T10:00&to=2026-01-02T10:00").text
    assert "ws-connect" not in page
    assert 'id="live"' not in page


def test_it_goes_on_by_itself(app: Flask, world: World, connection: uuid.UUID) -> None:
    with app.test_request_context():
        channel = Statistics(View())
        assert channel.due_in() == 0
        (news,) = channel.refresh()
        text = news.text(Place()) or ""
        assert text.startswith('<div id="statistics">')
        assert ">100<" in text
        assert 5 < channel.due_in() <= 10
        exchanged(world, connection, [{}] * 11)
        (news,) = channel.refresh()
        assert ">111<" in (news.text(Place()) or "")
        assert channel.refresh() == []


@pytest.mark.usefixtures("connection")
def test_on_the_command_line(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    said = json.loads(run(args=["statistics", "show", "--by", "method", "--last", "1h", "--json"]).output)
    assert (said["total"]["messages"], said["total"]["errors"], said["step"]) == (100, 1, "minute")
    assert [each["method"] for each in said["groups"]] == ["session/update", "session/prompt"]
    assert said["groups"][1]["p50"] == pytest.approx(40, rel=0.05)
    told = run(args=["statistics", "show", "--container", "web-1", "--by", "connection"]).output
    assert "web-1" in told
    assert "100 messages" in told
    refused = run(args=["statistics", "show", "--from", "never"])
    assert refused.exit_code == 1
    assert "from: must be a time" in refused.output
    of_events = run(args=["statistics", "show", "--type", "event", "--protocol", "acp"]).output
    assert "100 messages" in of_events
