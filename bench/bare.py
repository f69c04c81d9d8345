"""The page that the lists are held against: what anybody would write first, and nothing around it.

Flask, one SELECT of 50 rows by Core, a Jinja table; nobody signs in, there is no menu, and one link a row.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import psycopg
from flask import Flask, render_template
from jinja2 import DictLoader
from sqlalchemy import create_engine, select

from app.models import Container

if TYPE_CHECKING:
    from collections.abc import Callable

control_socket_disable = True  # gunicorn reads this module as its configuration; as the console's
TABLE: Final = """<!doctype html><title>Containers</title><table>
{% for row in rows %}<tr><td><a href="/containers/{{ row.id }}">{{ row.name }}</a></td>
<td>{{ row.image }}</td><td>{{ row.owner }}</td><td>{{ row.endpoint_url }}</td><td>{{ row.status }}</td>
<td>{{ row.created_at }}</td></tr>{% endfor %}</table>"""


def make(connect: Callable[[], psycopg.Connection]) -> Flask:
    """Make the application on a database."""
    app = Flask("bare")
    app.jinja_loader = DictLoader({"index.html": TABLE})
    engine = create_engine("postgresql+psycopg://", creator=connect)
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


def served() -> Flask:
    """Make it for gunicorn, on the database of the environment."""
    return make(lambda: psycopg.connect(os.environ["DATABASE_URL"]))
