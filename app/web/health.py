"""Whether this process can serve: for supervisors and load balancers."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.access import public
from app.extensions import db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> tuple[str, int]:
    """Answer `ok` while the database answers."""
    try:
        db.session.execute(text("SELECT 1"))
    except OperationalError:
        return "the database does not answer\n", 503
    return "ok\n", 200
