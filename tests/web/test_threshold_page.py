"""The page that tries a threshold on the past, and the command that does the same."""

from __future__ import annotations

import datetime as dt
import json
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from app.services import plot_notes, rollups
from app.services.plot_notes import NoteValues
from tests.support.records import connect, record
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

HOSTILE = '"><script>alert(1)</script>'
ASKED = "/statistics/threshold?measure=errors&value=2.5&last=1h&container="


@pytest.fixture
def began(world: World) -> dt.datetime:
    """Record errors in three of some minutes; return when the first of the minutes began."""
    connection = connect(world.session, world.container("web-1").id)
    first = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - dt.timedelta(minutes=20)
    for minute, errors in enumerate((0, 3, 4, 0, 5)):
        at = {"timestamp": first + dt.timedelta(minutes=minute)}
        record(world.session, connection, [at, *[{**at, "error": True, "method": "m"}] * errors])
    rollups.add(world.session)
    world.session.commit()
    return first


def test_it_says_when_it_would_have_fired(sign_in: SignIn, began: dt.datetime) -> None:
    viewer = sign_in("viewer")
    page = unescape(viewer.get(ASKED).text)
    assert "It would have fired <b>2 times</b>, and been on for 3 min in all." in page
    assert "judged by the minute" in page
    assert page.count("plot-shade-edge") == 2
    assert "--measure=errors --side=above --value=2.5 --lasting=1 --last=1h" in page
    crossed = began + dt.timedelta(minutes=1)
    links = [each.split('"')[0] for each in page.partition("<tbody>")[2].split('href="')[1:]]
    asked = parse_qs(urlsplit(links[1]).query)["filter"][0]  # the latest stands first
    assert f"after:{crossed:%Y-%m-%dT%H:%M}" in asked
    assert "status:error" in asked
    assert viewer.get(links[1]).status_code == 200


def test_notes_stand_on_its_plot(sign_in: SignIn, world: World, began: dt.datetime) -> None:
    plot_notes.add(world.session, NoteValues(at=began, text="release 4.2"), TEST)
    world.session.commit()
    page = sign_in("viewer").get(ASKED).text
    assert page.count('class="note-number"') == 1
    assert "release 4.2" in page.partition('id="note-1"')[2]


@pytest.mark.usefixtures("began")
def test_it_says_that_it_would_not_have_fired(sign_in: SignIn) -> None:
    page = sign_in("viewer").get(ASKED.replace("2.5", "5")).text
    assert "It would not have fired." in page
    assert "<b>5 a minute</b> in all" in page
    assert "<tbody>" not in page


@pytest.mark.usefixtures("began")
def test_it_asks_first_and_says_what_is_wrong(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    assert 'role="alert"' not in viewer.get("/statistics/threshold").text
    refused = viewer.get("/statistics/threshold", query_string={"value": HOSTILE, "container": HOSTILE})
    assert refused.status_code == 400
    assert "value: must be a number" in refused.text
    assert "<script>alert" not in refused.text
    nothing = viewer.get("/statistics/threshold", query_string={"value": "1", "method": HOSTILE})
    assert "Nothing to judge" in nothing.text


def test_statistics_lead_to_it(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/statistics/?container=web-1&by=type").text
    assert 'href="/statistics/threshold?container=web-1"' in page


def test_on_the_command_line(app: Flask, began: dt.datetime) -> None:
    run = app.test_cli_runner().invoke
    given = ["statistics", "threshold", "--measure", "errors", "--value", "2.5", "--last", "1h"]
    said = json.loads(run(args=[*given, "--json"]).output)
    assert (said["step"], said["seconds"], len(said["fired"])) == ("minute", 180, 2)
    assert dt.datetime.fromisoformat(said["fired"][0]["crossed"]) == began + dt.timedelta(minutes=1)
    told = run(args=given).output
    assert told.endswith("2 times, on for 0:03:00 in all\n")
    refused = run(args=["statistics", "threshold", "--value", "much"])
    assert refused.exit_code == 1
    assert "value: must be a number" in refused.output
