"""Lines of lists that are kept: nobody is shown what is not so any more, and no stranger fills the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.live import lines
from app.protocol.states import ConnectionStatus
from app.services import connections

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from flask import Flask

    from tests.web.conftest import SignIn, World


def test_a_kept_row_of_a_message_goes_with_its_record_and_has_todays_name(
    sign_in: SignIn, world: World, app: Flask
) -> None:
    container = world.container("old-name")
    connection = world.connected(container)
    record = world.record(connection, {"said": "once"})
    viewer = sign_in("viewer")
    assert ">old-name</a>" in viewer.get("/messages/").text
    assert record.id in {key.id for key in app.extensions["lines"]["messages"]}
    container.name = "new-name"
    world.session.commit()
    page = viewer.get("/messages/").text
    assert (">old-name</a>" in page, ">new-name</a>" in page) == (False, True)
    assert "new-name" not in viewer.get(f"/connections/{connection.id}/messages").text
    world.session.delete(record)
    world.session.commit()
    assert f"message-{record.id}" not in viewer.get("/messages/").text


def test_a_kept_line_of_a_container_or_connection_says_what_is_so_now(
    sign_in: SignIn, world: World, app: Flask
) -> None:
    container = world.container("old-name")
    viewer, session = sign_in("viewer"), world.session

    def shown(path: str, words: str) -> bool:
        return words in viewer.get(path).text

    assert shown("/containers", "never")
    connection = world.connected(container)
    changes: list[tuple[Callable[[], object], tuple[str, str]]] = [
        (lambda: connections.note(session, connection, latency_ms=12.5), ("12 ms", "12 ms")),
        (lambda: setattr(container, "name", "new-name"), (">new-name</a>", ">new-name</a>")),
        (lambda: world.migrated(container, connection), ("protocol-acp", "protocol-acp")),
        (lambda: connections.note(session, connection, last_error="boom"), ("", "")),
        (
            lambda: connections.move(session, connection, ConnectionStatus.ERROR, "fell over"),
            ("boom", "fell over"),
        ),
    ]
    for change, (of_container, of_connection) in changes:
        viewer.get("/containers")
        viewer.get("/connections")
        change()
        session.commit()
        assert shown("/containers", of_container)
        assert shown("/connections", of_connection)
    kept = app.extensions["lines"]
    assert [
        len({key[0].id for key in kept[f"{noun}/_row.html"]}) for noun in ("containers", "connections")
    ] == [
        1,
        1,
    ]
    session.delete(container)
    session.commit()
    assert not shown("/containers", "new-name")
    assert not shown("/connections", "new-name")


def test_a_row_of_any_length_is_shown_but_not_kept(sign_in: SignIn, world: World, app: Flask) -> None:
    connection = world.connected(world.container())
    record = world.record(connection, method="m" * lines.LONGEST)
    assert "m" * lines.LONGEST in sign_in("viewer").get("/messages/").text
    assert record.id not in {key.id for key in app.extensions["lines"]["messages"]}


def test_no_more_are_kept_than_may_be(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST", 5)
    with app.app_context():
        for number in range(30):
            keys = [str(number), str(number + 1), str(number)]
            made = lines.keep("these", keys, lambda missing: {key: f"<{key}>" for key in missing}, size=len)
            assert made == [f"<{key}>" for key in keys]
            assert len(app.extensions["lines"]["these"]) <= 5
        assert lines.keep("these", ["gone"], lambda _: {}, size=len) == []
