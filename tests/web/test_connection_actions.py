from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.queries import connection_actions as stored
from app.services import connection_actions
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

REASON = {"kind": "reconnect", "reason": "it hangs"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("kind", ["reconnect", "disconnect", "probe"])
def test_a_button_writes_the_intent(sign_in: SignIn, world: World, kind: str) -> None:
    container = world.container()
    operator, path = sign_in("operator"), f"/containers/{container.id}"
    page = operator.get(path).text
    assert f'form="act" id="ask-{kind}" name="kind" value="{kind}">' in page
    answer = operator.post(f"{path}/actions", data=REASON | {"kind": kind})
    assert answer.headers["Location"] == f"{path}#actions"
    (action,) = stored.pending(world.session, container.id)
    assert (action.kind, action.reason, action.requested_by) == (kind, "it hangs", "operator@example.com")
    page = operator.get(path).text
    assert f"The {kind} is requested" in page
    assert "waiting for a gateway" in page
    assert f'id="ask-{kind}" name="kind" value="{kind}" disabled>' in page


def test_it_says_why_it_cannot_be(sign_in: SignIn, world: World) -> None:
    operator = sign_in("operator")
    running, stopped = world.container("running"), world.container("stopped", status="stopped")
    for container, data, problem in [
        (running, REASON | {"kind": "restart"}, "Not a valid choice"),
        (running, {"reason": "it hangs"}, "Not a valid choice"),
        (running, REASON | {"reason": "  "}, "reason: This field is required"),
        (running, REASON | {"reason": "x" * 501}, "longer than 500"),
        (running, REASON | {"reason": "a\x00b"}, "must not have control characters"),
        (stopped, REASON, "The container is stopped; start it first"),
    ]:
        page = operator.post(f"/containers/{container.id}/actions", data=data, follow_redirects=True).text
        assert problem in page, problem
        assert not stored.pending(world.session, container.id)
    assert operator.get(f"/containers/{stopped.id}").text.count('name="kind"') == 3
    assert operator.get(f"/containers/{stopped.id}").text.count(" disabled>") == 3


def test_a_hold_is_shown_with_who_and_why(sign_in: SignIn, world: World) -> None:
    container = world.container()
    action = connection_actions.request(world.session, container, "disconnect", reason=HOSTILE, actor=TEST)
    connection_actions.finish(world.session, action, success=True, outcome="the connection was ended")
    world.session.commit()
    viewer = sign_in("viewer")
    for path in ("/containers", f"/containers/{container.id}"):
        page = viewer.get(path).text
        assert "eld disconnected by test since" in page, path
        assert HOSTILE not in page
    assert "the connection was ended" in page


def test_a_second_one_is_refused(sign_in: SignIn, world: World) -> None:
    container = world.container()
    operator, path = sign_in("operator"), f"/containers/{container.id}/actions"
    operator.post(path, data=REASON)
    assert "under way for" not in operator.get(f"/containers/{container.id}").text
    assert "is under way already" in operator.post(path, data=REASON, follow_redirects=True).text
    assert len(stored.of_container(world.session, container.id)) == 1


def test_only_operators_may(sign_in: SignIn, world: World) -> None:
    container = world.container()
    viewer = sign_in("viewer")
    assert viewer.post(f"/containers/{container.id}/actions", data=REASON).status_code == 403
    assert 'id="act"' not in viewer.get(f"/containers/{container.id}").text
    assert not stored.pending(world.session, container.id)


def test_a_form_of_another_site_is_refused(app: Flask, sign_in: SignIn, world: World) -> None:
    container = world.container()
    operator = sign_in("operator")
    app.config["WTF_CSRF_ENABLED"] = True
    answer = operator.post(f"/containers/{container.id}/actions", data=REASON)
    assert (answer.status_code, "The form is too old" in answer.text) == (400, True)
    assert not stored.pending(world.session, container.id)


def test_it_takes_posts_only_and_of_what_is_there(sign_in: SignIn, world: World) -> None:
    container = world.container()
    operator = sign_in("operator")
    assert operator.get(f"/containers/{container.id}/actions").status_code == 405
    nothing = "00000000-0000-0000-0000-000000000007"
    assert operator.post(f"/containers/{nothing}/actions", data=REASON).status_code == 404


def test_what_waits_for_a_caller_is_shown_until_it_is_answered(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    asked = world.record(
        connection, {"id": 3}, rpc_kind="request", method="session/request_permission", caller="backend"
    )
    viewer = sign_in("viewer")
    paths = ("/containers", f"/containers/{container.id}", f"/connections/{connection.id}")
    for path in paths[1:]:
        page = viewer.get(path).text
        assert "Waiting for a caller" in page, path
        assert f"/messages/{asked.id}" in page
        assert "Waiting for the agent" not in page
    assert "waiting for backend: session/request_permission, since" in viewer.get("/containers").text
    world.record(connection, {"id": 3}, direction="outbound", rpc_kind="response", reply_to=asked.id)
    for path in paths:
        page = viewer.get(path).text
        assert "waiting for backend" not in page, path
        assert "Waiting for a caller" not in page, path
