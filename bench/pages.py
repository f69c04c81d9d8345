"""Lists on a full database: requests a second against a bare page's, and whether time grows with the table.

    python -m bench.pages [--in FOLDER] [--only WORD] [--containers 10000] [--messages 5000000]

The bare page (bench/bare.py) reads the same database, in the same run, in turns. Both are served by the
console's own server, started as `flask serve` does, to one client that keeps its connection: what it gets is
the rate. No answer is compressed, for the client does not ask for it and the bare page could not.

The server adds the same to both, and so flatters the ratio: the second line is what both cost without it,
called as WSGI applications in this process, in CPU of web and database together.
On a busy machine trust that one.
The databases (1,000 containers with 100,000 messages beside the full one) stay in FOLDER
for the next run; without one they are made anew, which takes two minutes.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import flask_migrate
import psutil
from sqlalchemy import select, text
from werkzeug.test import EnvironBuilder

from app import create_app
from app.config import Settings
from app.embedded import embedded_database
from app.extensions import db
from app.models import AcpSession, Container, User
from app.queries import cursors
from app.services import users
from app.services.users import RoleName
from bench import bare
from bench.common import RUNS, Limit, line, machine
from bench.fill import fill, keep_sessions
from bench.served import AGENT, HOST, Client, served
from bench.stage import ACTOR, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

PAGES: Final = {
    "containers": "/containers",
    "containers, in the middle": "/containers?after={middle}",
    "containers, in a state": "/containers?status=error",
    "containers, by errors": "/containers?sort=errors",
    "containers, by activity": "/containers?sort=activity",
    "containers, by latency": "/containers?sort=latency",
    "containers, by state": "/containers?sort=state",
    "containers, as they were": "/containers?at={past}",
    "connections": "/connections",
    "connections, by state": "/connections?status=error",
    "connections, of an hour": "/connections?since=1h&by=peer",
    "messages": "/messages/",
    "messages, a week ago": "/messages/?before={old}",
    "messages of a container": "/containers/{busiest}/messages",
    "protocol migrations": "/protocol-migrations",
    "configuration revisions": "/configurations",
    "configuration revisions, of a setting": "/configurations?field=idle_timeout",
    "audit": "/audit/",
    "statistics": "/statistics/",
    "statistics, of a day by container": "/statistics/?last=24h&by=container",
    "gateways": "/gateways",
    "users": "/users/",
    "sessions": "/sessions/",
    "sessions with open prompts": "/sessions/?open=1",
    "sessions of a container": "/containers/{busiest}/sessions/",
}
"""Every list, a line each; what stands in braces is looked up in the database that is measured."""
PLACES: Final = {
    "middle": "SELECT name FROM container ORDER BY name OFFSET (SELECT count(*) / 2 FROM container) LIMIT 1",
    "old": (
        "SELECT id FROM acp_message WHERE timestamp < now() - interval '7 days'"
        " ORDER BY timestamp DESC LIMIT 1"
    ),
    "past": "SELECT to_char(now() - interval '3 days', 'YYYY-MM-DD\"T\"HH24:MI')",
    "busiest": (
        "SELECT container_id FROM acp_connection_sequence s JOIN acp_connection k ON k.id = s.connection_id"
        " ORDER BY last_seq DESC LIMIT 1"
    ),
}
PERSON: Final = "bench@example.com"
PASSWORD: Final = "of no use to anybody else"  # noqa: S105 - it guards nothing
SECONDS: Final = 0.25
"""Of each page in each run, served and called."""
LEAST: Final = 3
SHORTEST: Final = 1000  # bytes


class Cost(NamedTuple):
    """Of a page, on the average: seconds from asking to having it, and CPU seconds of web and database."""

    served: float
    cpu: float


class Page(NamedTuple):
    """An application on a database: in this process, and served by the console's own server at a port."""

    app: Flask
    port: int
    postmaster: psutil.Process

    def cost(self, path: str, cookie: str = "") -> Cost:
        """Return what a page costs."""
        return Cost(self._served(path, cookie), self._called(path, cookie))

    def _served(self, path: str, cookie: str) -> float:
        with Client(self.port, path, cookie) as client:
            client.get()
            return _average(client.get)

    def _called(self, path: str, cookie: str) -> float:
        headers = {"Cookie": cookie, "User-Agent": AGENT}
        environ = EnvironBuilder(path, headers=headers, environ_base={"REMOTE_ADDR": HOST}).get_environ()
        _get(self.app, environ)
        used, number = self._cpu(), 0
        began = time.perf_counter()
        while time.perf_counter() - began < SECONDS or number < LEAST:
            _get(self.app, environ)
            number += 1
        return (self._cpu() - used) / number

    def _cpu(self) -> float:
        """Return the CPU seconds so far of this process and of the database's that serve it."""
        times = [each.cpu_times() for each in self.postmaster.children()]
        return time.process_time() + sum(each.user + each.system for each in times)


class Site(NamedTuple):
    """The console and the bare page on one database, a signed-in person's cookie, and where to look."""

    console: Page
    bare: Page
    cookie: str
    places: dict[str, Any]

    def cost(self, path: str) -> Cost:
        """Return what a page of the console costs."""
        return self.console.cost(path.format(**self.places), self.cookie)

    def bare_cost(self) -> Cost:
        return self.bare.cost("/")


def _average(ask: Callable[[], object]) -> float:
    """Return the seconds that it takes, over a while."""
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS or number < LEAST:
        ask()
        number += 1
    return (time.perf_counter() - began) / number


def _get(app: Flask, environ: dict[str, Any]) -> None:
    """Call an application as a server does."""

    def start(status: str, *_: object) -> Any:
        if not status.startswith("200"):
            raise RuntimeError(f"{environ['PATH_INFO']} answered {status}")

    answer = app.wsgi_app({**environ, "wsgi.input": io.BytesIO()}, start)
    size = sum(map(len, answer))
    answer.close()  # type: ignore[attr-defined]
    if size < SHORTEST:
        raise RuntimeError(f"{environ['PATH_INFO']} is too short for a list")


@contextmanager
def site(folder: Path, containers: int, messages: int) -> Iterator[Site]:
    """Yield a console over the database in a folder, which is filled unless it is."""
    with ExitStack() as stack:
        url = stack.enter_context(embedded_database(folder))
        settings = Settings(database_url=url, secret_key=SECRET_KEY, data_dir=folder)
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            if db.session.scalar(select(Container.id).limit(1)) is None:
                fill(app, containers, messages)
            elif db.session.scalar(select(AcpSession.id).limit(1)) is None:  # filled by an older version
                keep_sessions(app)
            if db.session.scalar(select(User.id).where(User.email == PERSON)) is None:
                users.add(db.session(), PERSON, PASSWORD, [RoleName.ADMIN], ACTOR)
                db.session.commit()
            places = {name: db.session.scalar(text(query)) for name, query in PLACES.items()}
            places["middle"] = cursors.write("name", [places["middle"]])
            stack.callback(db.engine.dispose)
        plain = bare.make(app.extensions["database"].connect)
        stack.callback(plain.extensions["engine"].dispose)
        postmaster = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
        ours = stack.enter_context(served(settings, url))
        theirs = stack.enter_context(
            served(settings, url, "bench.bare:served()", "--config", "python:bench.bare")
        )
        cookie = sign_in(app)
        with Client(ours, "/containers", cookie) as client:
            cookie = client.cookie()  # which a form's token is in from now on, as in a browser's
        yield Site(Page(app, ours, postmaster), Page(plain, theirs, postmaster), cookie, places)


def sign_in(app: Flask) -> str:
    app.config["WTF_CSRF_ENABLED"] = False  # for this form only
    client = app.test_client()
    client.post("/login", data={"email": PERSON, "password": PASSWORD})
    app.config["WTF_CSRF_ENABLED"] = True
    cookie = client.get_cookie("session")
    if cookie is None:
        raise RuntimeError("nobody could sign in")
    return f"session={cookie.value}"


def measure(small: Site, full: Site, only: str) -> None:
    """Measure in turns, so that a busy moment of the machine meets all."""
    for name, path in PAGES.items():
        if only not in name:
            continue
        costs = [(full.cost(path), full.bare_cost(), small.cost(path)) for _ in range(RUNS + 1)][1:]
        page, plain, before = (
            Cost(*map(statistics.median, zip(*each, strict=True))) for each in zip(*costs, strict=True)
        )
        print(line(name, 1 / page.served, "requests/s", Limit("the bare page", 1 / plain.served)))
        print(line("    a second of CPU", 1 / page.cpu, "requests", Limit("the bare page", 1 / plain.cpu)))
        grown = f"{page.served / before.served:.2f} of its time, {page.cpu / before.cpu:.2f} of its CPU"
        print(f"    {page.served * 1000:.1f} ms: {grown} on the small database", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--in", dest="folder", type=Path)
    parser.add_argument("--only", default="", help="measure the lists whose name has this in it")
    parser.add_argument("--containers", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=5_000_000)
    arguments = parser.parse_args()
    print(machine())
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="console-")))
        small = stack.enter_context(site(folder / "small", 1_000, 100_000))
        full = stack.enter_context(site(folder / "full", arguments.containers, arguments.messages))
        measure(small, full, arguments.only)


if __name__ == "__main__":
    main()
