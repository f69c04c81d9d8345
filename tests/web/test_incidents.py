"""Incidents for people who are signed in: made, shown, annotated, prolonged, revoked; the command line."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import as_json, run

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.web.conftest import SignIn, World

NOW = dt.datetime.now(dt.UTC)
FORM = {
    "title": "web-1 <b>drops</b>",
    "containers": "web-1",
    "filter": "type:message",
    "begins_at": f"{NOW - dt.timedelta(hours=1):%Y-%m-%dT%H:%M}",
    "ends_at": f"{NOW + dt.timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
    "audience": "signed_in",
    "life": "24",
    "text": "it began <i>at noon</i>",
    "reason": "ticket 4711",
}


@pytest.fixture(autouse=True)
def without_csrf(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False


def make(client: FlaskClient, **given: str) -> str:
    """Make an incident by the form and return its page's address."""
    answer = client.post("/incidents/new", data=FORM | given)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def test_the_form_ends_after_what_was_just_recorded(sign_in: SignIn, world: World) -> None:
    record = world.record(world.connected(world.container()), {})
    page = sign_in("operator").get("/incidents/new?containers=web-1").text
    ends = re.search(r'name="ends_at"[^>]* value="([^"]+)"', page)
    assert ends is not None
    assert dt.datetime.fromisoformat(f"{ends[1]}+00:00") > record.timestamp


def test_it_is_made_and_its_link_is_shown_once(sign_in: SignIn, world: World) -> None:
    world.record(world.connected(world.container()), {"params": {"x": "<script>y()</script>"}})
    operator = sign_in("operator")
    address = make(operator)
    page = operator.get(address).text
    link = re.search(r'value="(http://localhost/incidents/shared/[\w-]{43})"', page)
    assert link is not None
    assert "web-1 &lt;b&gt;drops&lt;/b&gt;" in page
    assert "it began &lt;i&gt;at noon&lt;/i&gt;" in page
    assert "session/update" in page
    assert "<script>y" not in page
    again = operator.get(address).text
    assert "/incidents/shared/" not in again
    assert operator.get(link[1]).status_code == 200
    assert "web-1 &lt;b&gt;drops" in sign_in("viewer").get("/incidents/").text


def test_pages_lead_to_the_form(sign_in: SignIn, world: World) -> None:
    container = world.container()
    operator, viewer = sign_in("operator"), sign_in("viewer")
    assert "/incidents/new?containers=web-1" in operator.get(f"/containers/{container.id}").text
    assert "/incidents/new?containers=web-1" not in viewer.get(f"/containers/{container.id}").text
    assert "/incidents/new?filter=type:event" in operator.get("/messages/?filter=type:event").text
    form = operator.get(
        "/incidents/new?containers=web-1&filter=type:event&begins_at=2026-01-02T03:04:05"
    ).text
    for value in ("web-1", "type:event", "2026-01-02T03:04:05"):
        assert f'value="{value}"' in form


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"title": ""}, "This field is required"),
        ({"containers": "nobody"}, "there is no container"),
        ({"filter": "nonsense:1"}, "has no field nonsense"),
        ({"ends_at": FORM["begins_at"]}, "must be after the beginning"),
        ({"begins_at": "yesterday"}, "Not a valid datetime value"),
        ({"audience": "everybody"}, "Not a valid choice"),
        ({"life": "999999"}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    sign_in: SignIn, world: World, given: dict[str, str], words: str
) -> None:
    world.container()
    answer = sign_in("operator").post("/incidents/new", data=FORM | given)
    assert answer.status_code == 422
    assert words in answer.text


def test_it_is_annotated_prolonged_and_revoked(sign_in: SignIn, world: World) -> None:
    world.container()
    operator = sign_in("operator")
    address = make(operator)
    operator.post(f"{address}/notes", data={"text": "the proxy was restarted"})
    assert "the proxy was restarted" in operator.get(address).text
    assert "text: " in operator.post(f"{address}/notes", data={"text": ""}, follow_redirects=True).text
    longer = operator.post(
        f"{address}/expiry", data={"life": "720", "reason": "still at it"}, follow_redirects=True
    )
    assert "works for longer" in longer.text
    gone = operator.post(f"{address}/revocation", data={"reason": "solved"}, follow_redirects=True).text
    assert "The link is revoked" in gone
    assert f'action="{address}/revocation"' not in gone
    again = operator.post(f"{address}/revocation", data={"reason": "solved"}, follow_redirects=True).text
    assert "revoked already" in again
    trail = sign_in("viewer").get("/audit/").text
    for action in ("incident created", "incident note added", "incident prolonged", "incident revoked"):
        assert action in trail


def test_a_viewer_reads_and_changes_nothing(sign_in: SignIn, world: World) -> None:
    world.container()
    address = make(sign_in("operator"))
    viewer = sign_in("viewer")
    page = viewer.get(address).text
    assert "ticket 4711" in page
    assert '<form method="post" action' not in page.replace('action="/logout"', "")
    for path in ("notes", "expiry", "revocation"):
        assert viewer.post(f"{address}/{path}", data={"text": "x", "reason": "x"}).status_code == 403


def test_the_export_has_everything_a_line_each(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    world.migrated(container, connection)
    world.record(connection, {"params": {"text": "hello"}})
    address = make(sign_in("operator"))
    answer = sign_in("viewer").get(f"{address}/export.ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["kind"] for each in lines] == ["incident", "note", "state", "protocol migration", "message"]
    assert lines[0]["containers"] == ["web-1"]
    assert lines[-1]["payload"] == {"params": {"text": "hello"}}
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "token" not in answer.text


def test_the_list_has_pages(sign_in: SignIn, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.incidents.PAGE", 2)
    world.container()
    operator = sign_in("operator")
    assert "No incidents" in operator.get("/incidents/").text
    for number in range(3):
        make(operator, title=f"number {number}")
    first = operator.get("/incidents/").text
    assert "number 2" in first
    assert "number 0" not in first
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    assert "number 0" in operator.get(older).text
    assert operator.get("/incidents/?before=x").status_code == 400


def test_the_command_line_makes_lists_and_revokes(app: Flask, world: World) -> None:
    world.container()
    runner = app.test_cli_runner()
    about = ("--container", "web-1", "--since", "2h", "--expires-in", "12h", "--reason", "ticket 1")
    made = as_json(runner, "incidents", "create", "web-1 drops", *about, "--anyone", "--note", "seen")
    assert re.fullmatch(r"/incidents/shared/[\w-]{43}", made["path"])
    assert (made["standing"], made["audience"], made["containers"]) == ("open", "anyone", ["web-1"])
    assert app.test_client().get(made["path"]).status_code == 200
    (listed,) = as_json(runner, "incidents", "list")
    assert listed == {name: value for name, value in made.items() if name != "path"}
    assert "web-1 drops" in run(runner, "incidents", "list").stdout
    assert as_json(runner, "incidents", "revoke", made["id"], "--reason", "over") == {"revoked": made["id"]}
    assert app.test_client().get(made["path"]).status_code == 410
    assert as_json(runner, "incidents", "list")[0]["standing"] == "revoked"


@pytest.mark.parametrize(
    "words",
    [
        ("create", "x", "--reason", "y", "--since", "soon"),
        ("create", "x", "--reason", "y", "--expires-in", "ever"),
        ("create", "x", "--reason", "y", "--container", "nobody"),
        ("revoke", "7", "--reason", "y"),
        ("revoke", "01890000-0000-7000-8000-000000000000", "--reason", "y"),
    ],
)
def test_the_command_line_refuses_in_words(app: Flask, words: tuple[str, ...]) -> None:
    told = app.test_cli_runner().invoke(args=["incidents", *words])
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: ")
