from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from app.protocol.states import ConnectionStatus
from app.services import connections

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World


def test_the_page_shows_states_agent_capabilities_and_what_waits(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    connections.move(world.session, connection, ConnectionStatus.ERROR, "lost by the network (1006)")
    asked = world.record(
        connection,
        {"id": 1},
        direction="outbound",
        rpc_kind="request",
        method="session/prompt",
        rpc_id="1",
    )
    page = sign_in("viewer").get(f"/connections/{connection.id}").text
    for words in ("lost by the network (1006)", "handshake completed", "Demo agent", "loadSession"):
        assert words in page
    assert "Waiting for the agent" in page
    assert str(asked.id) in page


def test_older_messages(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    records = [world.record(connection, {"n": number}) for number in range(3)]
    rows = sign_in("viewer").get(f"/connections/{connection.id}/messages?before={records[2].id}").text
    assert [f"message-{record.id}" in rows for record in records] == [True, True, False]


def test_one_that_is_not_there(sign_in: SignIn) -> None:
    answer = sign_in("viewer").get(f"/connections/{uuid.uuid4()}")
    assert answer.status_code == 404
    assert "There is no connection" in answer.text


def test_it_takes_no_form(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    assert sign_in("admin").post(f"/connections/{connection.id}").status_code == 405


def test_an_agent_that_does_not_answer_is_told_everywhere_while_it_is_connected(
    sign_in: SignIn, world: World
) -> None:
    container = world.container()
    connection = world.connected(container)
    connections.note(world.session, connection, silent_since="2026-01-02T03:04:05+00:00")
    world.session.commit()
    viewer = sign_in("viewer")
    pages = ["/containers", f"/containers/{container.id}", f"/connections/{connection.id}"]

    def told() -> list[bool]:
        texts = [viewer.get(page, follow_redirects=True).text for page in pages]
        return ["agent does not answer" in text and "2026-01-02T03:04:05" in text for text in texts]

    assert told() == [True] * 3
    connections.move(world.session, connection, ConnectionStatus.ERROR, "given up")
    world.session.commit()
    assert told() == [False] * 3
