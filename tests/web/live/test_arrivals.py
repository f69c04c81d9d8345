"""What is committed arrives in the pages that show it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.services import configuration_trials, configurations, connection_actions, connections, leases
from app.services.configurations import ConfigurationValues
from app.services.leases import Load, Member
from tests.support.live import hear, ring
from tests.web.conftest import TEST

if TYPE_CHECKING:
    import pytest

    from app.models import AcpConnection, Container
    from tests.support.live import Open
    from tests.web.conftest import SignIn, World


def test_a_record_and_a_state_arrive(world: World, open_page: Open, connection: AcpConnection) -> None:
    paths = (f"/live/containers/{connection.container_id}", f"/live/connections/{connection.id}")
    for latency, path in enumerate(paths, 471):
        socket = open_page(path)
        hear(socket, "caught_up")
        record = world.record(connection, {"text": "good morning"})
        ring(world, connection)
        assert "good morning" in hear(socket, f"message-{record.id}")
        connections.note(world.session, connection, latency_ms=latency + 0.25)
        world.session.commit()
        hear(socket, f"{latency} ms")


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


def test_a_list_gets_the_lines_that_it_shows(world: World, open_page: Open) -> None:
    shown, other = (world.connected(world.container(name)) for name in ("shown", "other"))
    socket = open_page("/live/containers", {"shows": [str(shown.container_id)]})
    hear(socket, f'<tr id="container-{shown.container_id}"')
    for each, latency in ((other, 61.0), (shown, 62.0)):
        connections.note(world.session, each, latency_ms=latency)
        world.session.commit()
    assert "61 ms" not in hear(socket, "<tr")
    socket.send(json.dumps({"shows": [str(other.container_id)]}))
    assert "61 ms" in hear(socket, f'<tr id="container-{other.container_id}"')


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


def test_gateways_are_live(world: World, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bell rings for a heartbeat."""
    monkeypatch.setattr("app.live.figures.Gateways.every", 0.2)
    socket, member = open_page("/live/gateways"), Member(address="ws://10.0.0.7:8765")
    hear(socket, "No gateways")
    for rate in (12.5, 777.7):
        leases.renew(world.session, member, Load(messages_per_second=rate))
        world.session.commit()
        assert 'id="gateways"' in hear(socket, str(rate))
