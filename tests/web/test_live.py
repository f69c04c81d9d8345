from __future__ import annotations

import json
import threading
import uuid
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, select, text
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from werkzeug.serving import make_server

from app.live import searches, timelines
from app.live import viewer as viewers
from app.live.channels import Bell
from app.live.fragments import FRAGMENTS, fragment
from app.live.listener import bells
from app.live.news import Line, Place, Records
from app.live.searches import Search
from app.live.timelines import KEPT_ROWS, ConnectionTimeline, ContainerTimeline
from app.live.viewer import Viewer
from app.models import new_id
from app.models.access import user_role
from app.queries import containers as stored
from app.queries.configuration_revisions import RevisionFilter
from app.queries.connection_list import ConnectionFilter
from app.queries.fleet_sessions import SessionFilter
from app.queries.message_filter import parse
from app.queries.paging import Where
from app.queries.protocol_migrations import MigrationFilter
from app.queries.rollouts import PartFilter, RolloutFilter
from app.queries.statistics_view import View
from app.services import (
    configuration_trials,
    configurations,
    connection_actions,
    connections,
    containers,
    fleet_actions,
    leases,
    protocol_migrations,
)
from app.services.configurations import ConfigurationValues
from app.services.leases import Load, Member
from tests.support.rollouts import draft, register
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from websockets.sync.client import ClientConnection

    from app.models import AcpConnection, AcpMessage, Container
    from tests.web.conftest import SignIn, World

    Open = Callable[..., ClientConnection]

ONE, OTHER = uuid.uuid4(), uuid.uuid4()
WAIT = 10  # seconds until a test gives up; what is waited for takes less than one


@pytest.fixture
def container(world: World) -> Container:
    return world.container()


@pytest.fixture
def connection(world: World, container: Container) -> AcpConnection:
    return world.connected(container)


@pytest.fixture
def open_page(app: Flask, sign_in: SignIn) -> Iterator[Open]:
    """Serve the application and return what opens a live socket as a browser does, signed in as a viewer."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    cookie = sign_in("viewer").get_cookie("session")
    assert cookie is not None
    with ExitStack() as stack:

        def enter(path: str, word: object = None, **options: Any) -> ClientConnection:
            headers = {"Cookie": f"session={cookie.value}"}
            given = {"origin": origin, "additional_headers": headers, "proxy": None} | options
            socket = stack.enter_context(connect(f"{origin.replace('http', 'ws')}{path}", **given))
            with suppress(ConnectionClosed):  # one that is refused may be closed already; its reader sees why
                socket.send(json.dumps(word or {}))
            return socket

        yield enter
    app.extensions["live"].close_all()
    server.shutdown()
    thread.join()
    server.server_close()


def hear(socket: ClientConnection, wanted: str) -> str:
    """Take texts until one holds what is wanted."""
    while wanted not in (said := str(socket.recv(WAIT))):
        pass
    return said


def rows(socket: ClientConnection, until: AcpMessage) -> list[str]:
    """Take timeline rows, in the order in which they come, until one has come."""
    got: list[str] = []
    while str(until.id) not in got:
        said = hear(socket, "timeline-rows")
        got += [part[:36] for part in said.split('id="message-')[1:]]
    return got


def ring(world: World, connection: AcpConnection) -> None:
    """Ring as the recorder does after a batch."""
    bell = f"messages {connection.container_id} {connection.id}"
    world.session.execute(select(func.pg_notify("console_facts", bell)))
    world.session.commit()


def heard_ids(search: Search) -> list[uuid.UUID]:
    return [row.id for news in search.refresh() if isinstance(news, Records) for row in news.rows]


def closed(socket: ClientConnection) -> int:
    """Wait for the socket's end and return its code."""
    with suppress(ConnectionClosed):  # raised unless the end is an orderly one
        for _ in socket:
            pass
    assert socket.close_code is not None
    return socket.close_code


def test_a_page_and_its_socket_show_the_same_bytes(
    sign_in: SignIn, world: World, open_page: Open, container: Container, connection: AcpConnection
) -> None:
    record = world.record(connection, {"a": "<b>"})
    page = sign_in("viewer").get(f"/containers/{container.id}").text
    socket = open_page(f"/live/containers/{container.id}")
    for root in (
        "container-state-",
        "connections-of-",
        "migration-actions-",
        "migrations-of-",
        "configuration-of-",
        "configuration-revisions-of-",
    ):
        assert hear(socket, f'id="{root}') in page
    envelope = rows_envelope(open_page(f"/live/containers/{container.id}"))
    assert envelope in page
    assert str(record.id) in envelope


def test_the_lists_of_connections_and_of_revisions_are_live(
    sign_in: SignIn, world: World, open_page: Open, container: Container, connection: AcpConnection
) -> None:
    viewer = sign_in("viewer")
    page = viewer.get("/connections?status=connected").text
    assert 'ws-connect="/live/connections?status=connected"' in page
    listed = open_page("/live/connections?status=connected")
    assert hear(listed, 'id="connection-counts"') in page
    assert hear(listed, 'id="connection-list"') in page
    connections.end(world.session, connection, "the container is stopped")
    world.session.commit()
    hear(listed, "No connection matches")
    assert viewer.get("/connections?after=x").status_code == 400

    page = viewer.get(f"/configurations?container={container.name}").text
    assert f'ws-connect="/live/configurations?container={container.name}"' in page
    saved = open_page(f"/live/configurations?container={container.name}&before=x&field=none")
    assert hear(saved, 'id="revisions"') in page
    values = ConfigurationValues.of(container.configuration)
    changed = replace(values, idle_timeout=7000)
    configurations.update(world.session, container.configuration, changed, TEST, "try it")
    world.session.commit()
    hear(saved, "try it")


def rows_envelope(socket: ClientConnection) -> str:
    said = hear(socket, "timeline-rows")
    return said.removeprefix('<ol hx-swap-oob="beforeend:#timeline-rows">').removesuffix("</ol>")


def test_no_partial_brings_its_own_envelope(
    app: Flask, world: World, container: Container, connection: AcpConnection
) -> None:
    of_container, of_connection = {"container_id": container.id}, {"connection_id": connection.id}
    record = world.record(connection, {})
    previewed = fleet_actions.preview(world.session, "probe", [container.id])
    asked = fleet_actions.ask(world.session, "probe", previewed, reason="r", actor=TEST)
    migration = protocol_migrations.request(world.session, container, "acp", reason="r", actor=TEST)
    world.session.commit()
    register(world.session, "web-2")
    of_rollout = {"rollout_id": draft(world.session).id}
    world.session.commit()
    subjects: dict[str, dict[str, Any]] = {
        "gateways": {},
        "container_counts": {},
        "connection_counts": {},
        "connection_list": {"narrowed": ConnectionFilter(), "order": "", "query": ()},
        "revisions": {"narrowed": RevisionFilter(), "query": ()},
        "migrations": {"narrowed": MigrationFilter(), "where": Where("start", True)},
        "fleet_action": {"fleet_action_id": asked.id},
        "message_rows": {"records": [record]},
        "found_rows": {"records": [record]},
        "conversation": of_container | {"session_id": "s"},
        "fleet_sessions": {"narrowed": SessionFilter()},
        "statistics": {"view": View()},
        "migration_standing": {"migration_id": migration.id},
        "migration_buttons": {"migration_id": migration.id},
        "migration_details": {"migration_id": migration.id},
        "rollout_list": {"narrowed": RolloutFilter(), "where": Where("start", True)},
        "rollout_parts": of_rollout | {"narrowed": PartFilter(), "where": Where("turn", False)},
        **{f"rollout_{name}": of_rollout for name in ("state", "waves", "limits", "events", "deliveries")},
        "message_pair": {"message_id": record.id},
        "message_around": {"message_id": record.id},
        "connection_state": of_connection,
        "connection_waiting": of_connection,
        "connection_transitions": of_connection,
        "connection_band": of_connection,
        "connection_spans": of_connection,
        "connection_ends": of_connection,
        **{name: {} for name in FRAGMENTS if name.startswith("overview_")},
    }
    with app.test_request_context():
        for name in FRAGMENTS:
            html = fragment(name, **subjects.get(name, of_container))
            assert "hx-swap-oob" not in html
            assert 'id="' in html[: html.index(">")]


def test_a_requests_page_shows_its_answer_when_it_comes(
    sign_in: SignIn, world: World, open_page: Open, connection: AcpConnection
) -> None:
    request = world.record(connection, {"id": 7}, rpc_kind="request", method="session/prompt")
    page = sign_in("viewer").get(f"/messages/{request.id}").text
    assert "None has been recorded yet." in page
    socket = open_page(f"/live/messages/{request.id}")
    assert hear(socket, 'id="message-pair"') in page
    answer = world.record(connection, {"id": 7}, rpc_kind="response", reply_to=request.id)
    ring(world, connection)
    assert str(answer.id) in hear(socket, 'Its answer</h2>\n<p class="mb-0">')


def test_a_record_and_a_state_arrive(world: World, open_page: Open, connection: AcpConnection) -> None:
    paths = (f"/live/containers/{connection.container_id}", f"/live/connections/{connection.id}")
    for latency, path in enumerate(paths, 4711):
        socket = open_page(path)
        hear(socket, "caught_up")
        record = world.record(connection, {"text": "good morning"})
        ring(world, connection)
        assert "good morning" in hear(socket, f"message-{record.id}")
        connections.note(world.session, connection, latency_ms=latency + 0.25)
        world.session.commit()
        hear(socket, f"{latency}.")


def test_what_waits_for_a_caller_comes_and_goes_with_its_records(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    for path in (f"/live/containers/{connection.container_id}", f"/live/connections/{connection.id}"):
        socket = open_page(path)
        hear(socket, "caught_up")
        asked = world.record(connection, {"id": 3}, rpc_kind="request", method="session/request_permission")
        ring(world, connection)
        assert str(asked.id) in hear(socket, "Waiting for a caller")
        world.record(connection, {"id": 3}, direction="outbound", rpc_kind="response", reply_to=asked.id)
        ring(world, connection)
        assert "Waiting" not in hear(socket, 'id="waiting-of-')


def test_a_revision_and_the_outcome_of_a_trial_arrive(
    sign_in: SignIn, world: World, open_page: Open, container: Container
) -> None:
    of_configuration, of_container = (
        open_page(f"/live/containers/{container.id}{part}") for part in ("/configuration", "")
    )
    page = sign_in("operator").get(f"/containers/{container.id}/configuration").text
    for root in ("configuration-revisions-of-", "configuration-trials-of-"):
        assert hear(of_configuration, f'id="{root}') in page
    hear(of_container, "caught_up")
    values = ConfigurationValues(encryption_level="none", idle_timeout=7000)
    trial = configuration_trials.request(world.session, container, values, TEST)
    world.session.commit()
    hear(of_configuration, "waiting for a gateway")
    configuration_trials.finish(world.session, trial, success=True, outcome="it went well")
    world.session.commit()
    hear(of_configuration, "it went well")
    configurations.update(world.session, container.configuration, values, TEST, "good morning")
    world.session.commit()
    assert "Revision 2" in hear(of_configuration, "good morning")
    hear(of_container, "7000")
    assert "Revision 2" in hear(of_container, "good morning")


def test_the_outcome_of_an_action_arrives(world: World, open_page: Open, container: Container) -> None:
    socket = open_page(f"/live/containers/{container.id}")
    action = connection_actions.request(world.session, container, "probe", reason="slow?", actor=TEST)
    world.session.commit()
    hear(socket, "waiting for a gateway")
    connection_actions.finish(world.session, action, success=True, outcome="it answered in 0.7 ms")
    world.session.commit()
    hear(socket, "it answered in 0.7 ms")


def test_each_browser_is_brought_up_to_date_from_where_it_was(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    path = f"/live/containers/{connection.container_id}"
    records = [world.record(connection, {"n": number}) for number in range(6)]
    sockets = [open_page(path, {"after": str(records[number].id)}) for number in (0, 3)]
    for socket, missed in zip(sockets, (5, 2), strict=True):
        assert json.loads(hear(socket, "caught_up"))["caught_up"] == missed
    for number in range(6, 9):
        records.append(world.record(connection, {"n": number}))
        ring(world, connection)
    assert rows(sockets[0], records[-1]) == [str(record.id) for record in records[1:]]
    assert rows(sockets[1], records[-1]) == [str(record.id) for record in records[4:]]


def test_one_that_missed_more_than_a_page_keeps_gets_the_latest_and_a_row_for_the_others(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    insert = text(
        "INSERT INTO acp_message (id, connection_id, direction, message_type, size, payload)"
        " SELECT :first + n, :connection, 'inbound', 'event', 1, '{}' FROM generate_series(1, :many) n"
    )
    first = world.record(connection, {})
    insert = text(str(insert).replace(":first + n", "(:head || lpad(to_hex(n), 12, '0'))::uuid"))
    values = {"head": f"{first.id}"[:24], "connection": connection.id, "many": KEPT_ROWS + 7}
    world.session.execute(insert, values | {"head": str(uuid.UUID(int=first.id.int + (1 << 70)))[:24]})
    world.session.commit()
    socket = open_page(f"/live/connections/{connection.id}", {"after": str(first.id)})
    assert json.loads(hear(socket, "caught_up")) == {"caught_up": KEPT_ROWS, "more": True}
    said = hear(socket, "timeline-rows")
    assert said.count('<li class="message"') == KEPT_ROWS
    row_of_others, _, shown = said.partition("</li>")
    assert "7 more came faster than they can be shown" in row_of_others
    oldest = shown.split('id="message-')[1][:36]
    assert f"/connections/{connection.id}?before={oldest}#timeline" in row_of_others


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


def test_after_a_pause_a_viewer_gets_again_what_it_was_sent_meanwhile(
    world: World, connection: AcpConnection, open_page: Open
) -> None:
    first = world.record(connection, {})
    for path in (f"/live/connections/{connection.id}", "/live/messages"):
        socket = open_page(path, {"after": str(first.id)})
        hear(socket, "caught_up")
        second = world.record(connection, {})
        ring(world, connection)
        hear(socket, f"message-{second.id}")
        socket.send(json.dumps({"after": str(first.id)}))
        assert json.loads(hear(socket, "caught_up"))["caught_up"] >= 1
        assert str(second.id) in hear(socket, "timeline-rows")


def test_what_was_committed_late_reaches_who_was_away(
    world: World, connection: AcpConnection, open_page: Open
) -> None:
    late = new_id()
    seen = world.record(connection, {})
    other = world.connected(world.container("web-2"))
    world.record(other, {}, id=late)
    assert late < seen.id
    socket = open_page("/live/messages", {"after": str(seen.id)})
    assert str(late) in hear(socket, "timeline-rows")


def test_a_list_gets_the_lines_that_it_shows(world: World, open_page: Open) -> None:
    shown, other = (world.connected(world.container(name)) for name in ("shown", "other"))
    socket = open_page("/live/containers", {"shows": [str(shown.container_id)]})
    hear(socket, f'<tr id="container-{shown.container_id}"')
    for each, latency in ((other, 61.0), (shown, 62.0)):
        connections.note(world.session, each, latency_ms=latency)
        world.session.commit()
    assert "61.0 ms" not in hear(socket, "<tr")
    socket.send(json.dumps({"shows": [str(other.container_id)]}))
    assert "61.0 ms" in hear(socket, f'<tr id="container-{other.container_id}"')


def test_it_says_when_a_container_is_gone(world: World, open_page: Open, connection: AcpConnection) -> None:
    listed = open_page("/live/containers", {"shows": [str(connection.container_id)]})
    page = open_page(f"/live/containers/{connection.container_id}")
    hear(listed, "<tr")
    hear(page, "caught_up")
    container_id = connection.container_id
    containers.remove(world.session, stored.get(world.session, container_id), TEST, "old")
    world.session.commit()
    assert json.loads(hear(listed, "removed"))["removed"] == str(container_id)
    assert closed(page) == viewers.GONE.code


def test_a_lost_role_closes_the_socket_within_seconds(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    socket = open_page(f"/live/connections/{connection.id}")
    hear(socket, "caught_up")
    world.session.execute(delete(user_role))
    world.session.commit()
    assert closed(socket) == viewers.NOT_ALLOWED.code


def test_a_lost_database_connection_is_told_and_caught_up(
    world: World, open_page: Open, connection: AcpConnection
) -> None:
    socket = open_page(f"/live/connections/{connection.id}")
    hear(socket, "caught_up")
    hear(socket, '"well"')
    listening = "query LIKE 'LISTEN%' OR query = 'SELECT 1'"
    world.session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}"))
    record = world.record(connection, {"text": "while nobody listened"})  # and no bell for it is heard
    hear(socket, '"away"')
    hear(socket, f"message-{record.id}")


def test_another_sites_page_cannot_open_it(open_page: Open) -> None:
    for origin in ("http://evil.example", None):
        with pytest.raises(InvalidStatus) as refused:
            open_page("/live/containers", origin=origin)
        assert refused.value.response.status_code == 403


def test_compression_is_refused(open_page: Open) -> None:
    socket = open_page("/live/containers")
    assert socket.response is not None
    assert "Sec-WebSocket-Extensions" not in socket.response.headers


def test_no_more_viewers_than_allowed(
    app: Flask, open_page: Open, connection: AcpConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["live"], "_most", 1)
    hear(open_page(f"/live/connections/{connection.id}"), "caught_up")
    assert closed(open_page("/live/containers")) == viewers.TOO_MANY.code


@pytest.mark.parametrize(
    "word", [42, {"after": "x"}, {"shows": ["x"]}, {"shows": [str(uuid.uuid4())] * 2 + ["1"]}]
)
def test_nonsense_ends_the_socket(open_page: Open, word: object) -> None:
    assert closed(open_page("/live/containers", word)) == viewers.CONFUSED.code


def test_stopping_says_going_away(app: Flask, open_page: Open, connection: AcpConnection) -> None:
    socket = open_page(f"/live/connections/{connection.id}")
    hear(socket, "caught_up")
    app.extensions["live"].close_all()
    assert closed(socket) == 1001


def test_what_is_not_there_is_told(open_page: Open) -> None:
    assert closed(open_page(f"/live/connections/{uuid.uuid4()}")) == viewers.GONE.code


def test_a_viewer_that_does_not_keep_up_is_cut() -> None:
    slow = Viewer("somebody")
    news = Records([Line(uuid.UUID(int=1), ONE, "<li>")])
    for _ in range(viewers.WAITING + 1):
        slow.offer(news)
    assert slow._goodbye == viewers.TOO_SLOW


def test_a_cursor_takes_each_record_once() -> None:
    ids = [uuid.UUID(int=number) for number in range(1, 8)]
    place, got = Place(cursor=ids[1]), []
    for batch in (ids[0:3], ids[0:3], ids[2:5], [], ids[5:7], ids[0:7]):
        told = Records([Line(each, ONE, f"<{each}>") for each in reversed(batch)]).text(place)
        got += [each for each in batch if told and f"<{each}>" in told]
    assert got == ids[2:]


def test_what_another_gateway_commits_late_is_not_taken_for_seen() -> None:
    early, late = Line(uuid.UUID(int=5), ONE, "<early>"), Line(uuid.UUID(int=4), OTHER, "<late>")
    place = Place(cursors={OTHER: uuid.UUID(int=1)})
    assert "<early>" in (Records([early]).text(place) or "")
    assert "<late>" in (Records([early, late]).text(place) or "")
    assert Records([early, late]).text(place) is None


def test_a_conversation_grows_with_its_chunks(
    world: World, container: Container, connection: AcpConnection, open_page: Open
) -> None:
    def chunk(text: str) -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        world.record(connection, {"params": {"update": update}}, acp_session_id="a/b")
        ring(world, connection)

    chunk("<b>Hel")
    socket = open_page(f"/live/containers/{container.id}/sessions/a/b")
    hear(socket, "&lt;b&gt;Hel</p>")
    chunk("lo")
    hear(socket, "&lt;b&gt;Hello</p>")


def test_a_search_shows_what_it_finds_as_it_comes(
    world: World, connection: AcpConnection, open_page: Open
) -> None:
    world.record(connection, {"text": "from before"}, method="wanted")
    socket = open_page("/live/messages?filter=method:wanted")
    hear(socket, "from before")
    world.record(connection, {"text": "of no interest"}, method="other")
    world.record(connection, {"text": "comes live"}, method="wanted")
    ring(world, connection)
    said = hear(socket, "comes live")
    assert "of no interest" not in said
    assert "from before" not in said
    assert "web-1</a>" in said


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


@pytest.mark.parametrize(
    "payload", ["", "\n", "container", "container x", "window {0}", "messages {0} {0} {0}"]
)
def test_a_bell_that_nobody_knows_is_not_heard(payload: str) -> None:
    assert list(bells(payload.format(uuid.uuid4()))) == []


def test_bells_are_read_by_the_line() -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    assert list(bells(f"container {one}\nmessages {one} {two}")) == [Bell(one), Bell(one, two)]


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


def test_gateways_are_live(world: World, open_page: Open) -> None:
    """No bell rings for a heartbeat."""
    socket, member = open_page("/live/gateways"), Member(address="ws://10.0.0.7:8765")
    hear(socket, "No gateways")
    for rate in (12.5, 777.7):
        leases.renew(world.session, member, Load(messages_per_second=rate))
        world.session.commit()
        assert 'id="gateways"' in hear(socket, str(rate))
