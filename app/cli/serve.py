"""`flask serve`: the whole product, database included, as one command."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import click
import flask_migrate
from flask import current_app
from sqlalchemy import select

from app import assets
from app.cli.children import Children
from app.cli.group import ConsoleCommand
from app.errors import BadSetting
from app.extensions import db
from app.models import User
from app.services import users
from app.services.actor import COMMAND_LINE
from app.services.users import RoleName

if TYPE_CHECKING:
    from app.config import Bind, Settings

ADMIN: Final = "admin@example.com"
SIGN_IN: Final = "sign-in"
"""The file in the data folder that keeps the first account's e-mail and password."""
SPARE_THREADS: Final = 16
"""Threads for plain pages, beside one for each browser with a live page."""
GRACEFUL_SECONDS: Final = 5
WATCH_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 5.0


@click.command("serve", cls=ConsoleCommand)
@click.option("--demo", is_flag=True, help="With a fleet of demo containers.")
def serve(*, demo: bool) -> None:
    """Run database, gateway and pages until Ctrl-C."""
    settings: Settings = current_app.extensions["settings"]
    assets.require(current_app.static_folder or "static")
    _check_free(settings, demo=demo)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    click.echo("Starting the database …" if settings.database_url is None else "Using DATABASE_URL …")
    database = current_app.extensions["database"]
    url = database.url()
    click.echo("Bringing its schema up to date …")
    flask_migrate.upgrade()  # says what is wrong and exits by itself
    sign_in = _first_admin(settings)
    db.engine.dispose()
    children = Children(_environ(settings, url))
    try:
        _start(children, settings, stopping, demo=demo)
        if not stopping.is_set():
            click.echo(f"Console: http://{settings.bind.reached_from_here()}")
            click.echo(f"Sign in: {sign_in}")
        while not stopping.wait(WATCH_SECONDS):
            children.check()
            database.revive()
    finally:
        click.echo("Stopping …")
        children.stop()


class Part(NamedTuple):
    """A child process: its name, its command, and the URL that answers once it is ready."""

    name: str
    command: list[str]
    url: str


def _start(children: Children, settings: Settings, stopping: threading.Event, *, demo: bool) -> None:
    """Start the parts and return when they are ready; the gateway after the demo, which it dials at once."""
    flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
    base, relay, fleet = (
        f"http://{bind.reached_from_here()}"
        for bind in (settings.bind, settings.gateway_bind, settings.demo_bind)
    )
    web = Part("web", web_command(settings), f"{base}/healthz")
    gateway = Part("gateway", [*flask, "gateway", "run"], f"{relay}/healthz")
    demos = [Part("demo", [*flask, "demo", "run"], f"{fleet}/plain/health")] if demo else []

    def start(part: Part) -> None:
        if not stopping.is_set():
            click.echo(f"Starting the {part.name} …")
            children.start(part.name, part.command)

    def wait_for(part: Part) -> None:
        children.wait_until(part.name, partial(_answers, part.url), stopping)

    for part in (*demos, web):
        start(part)
    for part in demos:
        wait_for(part)
    start(gateway)
    for part in (web, gateway):
        wait_for(part)


def web_command(settings: Settings) -> list[str]:
    """Return the web server's command; gunicorn.conf.py, which it reads by itself, closes live sockets."""
    threads = settings.max_viewers + SPARE_THREADS
    return [
        *(sys.executable, "-m", "gunicorn", "wsgi:app"),
        *("--bind", str(settings.bind), "--worker-class", "gthread", "--threads", str(threads)),
        *("--graceful-timeout", str(GRACEFUL_SECONDS), "--log-level", settings.log_level.lower()),
    ]


def _answers(url: str) -> bool:
    """Ask with the standard library: httpx would be imported by every process that has this command."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _check_free(settings: Settings, *, demo: bool) -> None:
    """Refuse to start where an address is taken, before anything has been started."""
    binds = {"CONSOLE_BIND": settings.bind, "CONSOLE_GATEWAY_BIND": settings.gateway_bind}
    if demo:
        binds["CONSOLE_DEMO_BIND"] = settings.demo_bind
    for name, bind in binds.items():
        try:
            _probe(bind)
        except OSError as error:
            problem = f"nothing can be served at {bind}: {error.strerror}; choose another or stop its user"
            raise BadSetting(name, problem) from error


def _probe(bind: Bind) -> None:
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    socket.create_server((bind.host, bind.port), family=family).close()


def _first_admin(settings: Settings) -> str:
    """Make sure that somebody can sign in; return e-mail and password of the account made at the first start.

    The password is kept for later starts to print. Once it has been changed, what is printed is the old one.
    """
    session = db.session()
    if session.scalar(select(User.id).limit(1)) is None:
        made = settings.keep_once(SIGN_IN, lambda: f"{ADMIN} {secrets.token_urlsafe(12)}")
        email, password = made.split()
        users.add(session, email, password, [RoleName.ADMIN], COMMAND_LINE)
        session.commit()
    file = settings.data_dir / SIGN_IN
    kept = file.read_text().strip() if file.exists() else ""
    # The file may be of another database, and its account may have been removed from this one.
    known = session.scalar(select(User.id).where(User.email == kept.partition(" ")[0]))
    db.session.remove()
    return kept if known else "with an account that was added before (flask --app wsgi users add adds others)"


def _environ(settings: Settings, url: str) -> dict[str, str]:
    """Return what the children read: the same settings, with database and key spelled out."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "CONSOLE_SECRET_KEY": settings.require_secret_key(),
        "PYTHONUNBUFFERED": "1",
    }
