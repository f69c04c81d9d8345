"""Lists on a full database: requests a second against a bare page's, and whether time grows with the table.

    python -m bench.pages [--in FOLDER] [--only WORD] [--containers 10000] [--messages 5000000]

The bare page is what anybody would write first: Flask, one SELECT of 50 rows by Core, a Jinja table; nobody
signs in, there is no menu and no link but one a row. It reads the same database, in the same run, in turns.

Both are called as WSGI applications in this process, without a server: it would add the same to both, and so
flatter the ratio. On a busy machine trust the CPU, web and database together: a page waits for nothing else.
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
from flask import Flask, render_template
from jinja2 import DictLoader
from sqlalchemy import create_engine, select, text
from werkzeug.test import EnvironBuilder

from app import create_app
from app.config import Settings
from app.embedded import embedded_database
from app.extensions import db
from app.models import Container, User
from app.queries import paging
from app.services import users
from app.services.users import RoleName
from bench.common import RUNS, Limit, line, machine
from bench.fill import fill
from bench.stage import ACTOR, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    "audit": "/audit/",
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
SECONDS: Final = 0.4
"""Of each page in each run."""
TABLE: Final = """<!doctype html><title>Containers</title><table>
{% for row in rows %}<tr><td><a href="/containers/{{ row.id }}">{{ row.name }}</a></td>
<td>{{ row.image }}</td><td>{{ row.owner }}</td><td>{{ row.endpoint_url }}</td><td>{{ row.status }}</td>
<td>{{ row.created_at }}</td></tr>{% endfor %}</table>"""


class Cost(NamedTuple):
    """Of a page, on the average: seconds that it takes, and CPU seconds of web and database together."""

    seconds: float
    cpu: float


class Site(NamedTuple):
    """The console and the bare page on one database, a signed-in person's cookie, and where to look."""

    console: Flask
    bare: Flask
    cookie: str
    places: dict[str, Any]
    server: psutil.Process

    def cost(self, path: str) -> Cost:
        """Return what a page of the console costs."""
        return self._cost(self.console, path.format(**self.places), self.cookie)

    def bare_cost(self) -> Cost:
        return self._cost(self.bare, "/", "")

    def _cost(self, app: Flask, path: str, cookie: str) -> Cost:
        environ = EnvironBuilder(path, headers={"Cookie": cookie}).get_environ()
        began, used, number = time.perf_counter(), self._cpu(), 0
        while time.perf_counter() - began < SECONDS or number < 3:
            size = _get(app, environ)
            number += 1
        if size < 1000:
            raise RuntimeError(f"{path} is too short for a list")
        return Cost((time.perf_counter() - began) / number, (self._cpu() - used) / number)

    def _cpu(self) -> float:
        """Return the CPU seconds so far of this process and of the database's that serve it."""
        times = [each.cpu_times() for each in self.server.children()]
        return time.process_time() + sum(each.user + each.system for each in times)


def _get(app: Flask, environ: dict[str, Any]) -> int:
    """Call an application as a server does; return the size of what it answers."""

    def start(status: str, *_: object) -> Any:
        if not status.startswith("200"):
            raise RuntimeError(f"{environ['PATH_INFO']} answered {status}")

    answer = app.wsgi_app({**environ, "wsgi.input": io.BytesIO()}, start)
    size = sum(map(len, answer))
    answer.close()  # type: ignore[attr-defined]
    return size


@contextmanager
def site(folder: Path, containers: int, messages: int) -> Iterator[Site]:
    """Yield a console over the database in a folder, which is filled unless it is."""
    with embedded_database(folder) as url:
        app = create_app(Settings(database_url=url, secret_key=SECRET_KEY, data_dir=folder))
        with app.app_context():
            flask_migrate.upgrade()
            if db.session.scalar(select(Container.id).limit(1)) is None:
                fill(app, containers, messages)
            if db.session.scalar(select(User.id).where(User.email == PERSON)) is None:
                users.add(db.session(), PERSON, PASSWORD, [RoleName.ADMIN], ACTOR)
                db.session.commit()
            places = {name: db.session.scalar(text(query)) for name, query in PLACES.items()}
            places["middle"] = paging.write("name", [places["middle"]])
        bare = bare_page(app)
        try:
            postmaster = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
            yield Site(app, bare, sign_in(app), places, psutil.Process(postmaster))
        finally:
            bare.extensions["engine"].dispose()
            with app.app_context():
                db.engine.dispose()


def bare_page(console: Flask) -> Flask:
    """Make the application that the lists are held against."""
    app = Flask("bare")
    app.jinja_loader = DictLoader({"index.html": TABLE})
    engine = create_engine("postgresql+psycopg://", creator=console.extensions["database"].connect)
    app.extensions["engine"] = engine
    columns = (
        getattr(Container, name) for name in ("id", "name", "image", "owner", "endpoint_url", "status")
    )
    rows = select(*columns, Container.created_at).order_by(Container.name).limit(50)

    @app.get("/")
    def index() -> str:
        with engine.connect() as connection:
            return render_template("index.html", rows=connection.execute(rows).all())

    return app


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
        page, bare, before = (
            Cost(*map(statistics.median, zip(*each, strict=True))) for each in zip(*costs, strict=True)
        )
        print(line(name, 1 / page.seconds, "requests/s", Limit("the bare page", 1 / bare.seconds)))
        print(line("    a second of CPU", 1 / page.cpu, "requests", Limit("the bare page", 1 / bare.cpu)))
        grown = f"{page.seconds / before.seconds:.2f} of its time, {page.cpu / before.cpu:.2f} of its CPU"
        print(f"    {page.seconds * 1000:.1f} ms: {grown} on the small database")


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
