"""Who was away, paused or late is brought up to date, from where it was."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.live.news import Line, Place, Records
from app.live.timelines import KEPT_ROWS
from app.models import new_id
from tests.support.live import hear, ring, rows

if TYPE_CHECKING:
    from app.models import AcpConnection
    from tests.support.live import Open
    from tests.web.conftest import World

ONE, OTHER = uuid.uuid4(), uuid.uuid4()


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
