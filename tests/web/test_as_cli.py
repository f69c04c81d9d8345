"""What pages offer as a command: the command line takes it, whatever stands in the address."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import click
import pytest
from sqlalchemy import select

from app.models import User
from app.services import configurations, plot_notes
from app.services.configurations import ConfigurationValues
from app.services.plot_notes import NoteValues
from tests.support.store import TESTER
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

COMMAND = re.compile(r'<code class="cli">(.*?)</code>')
HOSTILE = "%22%3E%3Cscript%3E%24(reboot)%3B%27--"
PAGES = {
    "/containers?q=web&status=error": 1,
    "/containers/{container}": 8,
    "/containers/new": 1,
    "/containers/{container}/edit": 1,
    "/containers/{container}/remove": 1,
    "/containers/{container}/protocol-migrations/new": 2,
    "/connections?status=error&q=a%20b&since=24h&order=oldest": 1,
    "/configurations?container=web&field=idle_timeout": 1,
    "/configurations/change?q=web&idle_timeout=70000": 1,
    "/fleet-actions/new?kind=probe&choose=all&q=web": 1,
    "/containers/{container}/configuration?idle_timeout=70000&compression_enabled=off": 1,
    "/containers/{container}/configuration/revisions/1": 1,
    "/statistics/?by=container&sort=p95&last=24h&whole=1&type=event": 1,
    "/statistics/?from=2026-11-20T10:00&to=2026-11-20T12:00": 1,
    "/statistics/threshold?measure=p95&value=200&lasting=3&protocol=acp": 1,
    "/protocol-migrations?actor=" + HOSTILE: 1,
    "/protocol-migrations?since=24h&until=2026-11-20T10:00&outcome=failed&sort=-start": 1,
    "/rollouts?text=a&state=running&sort=name": 1,
    "/audit/?since=24h&until=2026-11-20T10:00&action=container%20registered&sort=-time": 1,
    "/configurations?since=24h&until=2026-11-20T10:00&actor=a": 1,
    "/gateways?sort=-load": 1,
    "/users/?role=viewer&active=yes&sort=-email": 1,
    "/containers?only=errors&sort=-errors&label=a=b&owner=c": 1,
    "/rollouts": 1,
    "/audit/?actor=" + HOSTILE: 1,
    "/incidents/": 1,
    "/notes/?about=fleet&kind=ticket&since=-24h&until=2026-11-20T10:00&sort=-time": 2,
    "/notes/?at=2026-11-20T10:00&container=" + HOSTILE: 2,
    "/notes/{note}/remove": 1,
    "/incidents/new": 1,
    "/gateways": 1,
    "/users/": 1,
    "/users/new": 1,
    "/users/{user}": 3,
}
"""Pages, and how many commands each offers to an administrator."""


def parsed(command: str, app: Flask) -> str:
    """Read a command as the shell and the command line would, without running it; return its name."""
    program, *words = shlex.split(command)
    assert [program, *words[:2]] == ["flask", "--app", "wsgi"], command
    context, words = click.Context(app.cli), words[2:]
    while isinstance(context.command, click.Group):
        name, found, words = context.command.resolve_command(context, words)
        assert found is not None
        context = (
            found.make_context(name, words, parent=context)
            if not isinstance(found, click.Group)
            else (click.Context(found, parent=context, info_name=name))
        )
    return context.command_path.strip()


@pytest.mark.parametrize(("page", "expected"), PAGES.items(), ids=list(PAGES))
def test_every_command_is_one(sign_in: SignIn, world: World, app: Flask, page: str, expected: int) -> None:
    container = world.container()
    configuration = container.configuration
    values = replace(ConfigurationValues.of(configuration), reconnect_delay=500)
    configurations.update(world.session, configuration, values, TESTER, "flaky")
    world.session.commit()
    admin = sign_in("admin")
    user = world.session.scalar(select(User.id))
    at = dt.datetime.now(dt.UTC)
    note = plot_notes.add(world.session, NoteValues(at=at, text="release 4.2"), TEST).id
    world.session.commit()
    answer = admin.get(page.format(container=container.id, user=user, note=note))
    assert answer.status_code == 200
    commands = [unescape(each) for each in COMMAND.findall(answer.text)]
    assert len(commands) == expected, commands
    with app.app_context():
        for each in commands:
            assert parsed(each, app)


def test_only_what_somebody_may_is_offered(sign_in: SignIn, world: World) -> None:
    page = sign_in("viewer").get(f"/containers/{world.container().id}").text
    assert [shlex.split(unescape(each))[3:5] for each in COMMAND.findall(page)] == [["containers", "show"]]
