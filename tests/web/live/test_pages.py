"""A page and its socket show the same: each fragment is one for both."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.live.fragments import FRAGMENTS, fragment
from app.queries.configuration_revisions import RevisionFilter
from app.queries.connection_filter import ConnectionFilter
from app.queries.fleet_sessions import SessionFilter
from app.queries.paging import Where
from app.queries.protocol_migrations import MigrationFilter
from app.queries.rollout_containers import PartFilter
from app.queries.rollout_list import RolloutFilter
from app.queries.statistics_view import View
from app.services import configurations, connections, fleet_actions, plot_notes, protocol_migrations
from app.services.configurations import ConfigurationValues
from app.services.plot_notes import NoteValues
from tests.support.live import hear, ring
from tests.support.rollouts import draft, register
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask
    from websockets.sync.client import ClientConnection

    from app.models import AcpConnection, Container
    from tests.support.live import Open
    from tests.web.conftest import SignIn, World


def rows_envelope(socket: ClientConnection) -> str:
    said = hear(socket, "timeline-rows")
    return said.removeprefix('<ol hx-swap-oob="beforeend:#timeline-rows">').removesuffix("</ol>")


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


def test_a_note_of_the_fleet_stands_on_the_bands_of_open_pages_at_once(
    world: World, open_page: Open, container: Container, connection: AcpConnection
) -> None:
    pages = [
        open_page(f"/live/{path}") for path in (f"containers/{container.id}", f"connections/{connection.id}")
    ]
    for page in pages:
        assert "release 4.2" not in hear(page, 'class="band"')
    values = NoteValues(at=dt.datetime.now(dt.UTC), text="release 4.2")
    note = plot_notes.add(world.session, values, TEST)
    world.session.commit()
    for page in pages:
        assert 'class="band"' in hear(page, "release 4.2")
    plot_notes.remove(world.session, note, TEST, "not yet")
    world.session.commit()
    for page in pages:
        assert "release 4.2" not in hear(page, 'class="band"')


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
        "stuck": {"kind": ""},
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
