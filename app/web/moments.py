"""Moments in the URL of a request, and written as one."""

from __future__ import annotations

import datetime as dt

from flask import abort, request

from app.queries.moments import now, read

__all__ = ["argument", "now", "read", "written"]


def argument(name: str) -> dt.datetime | None:
    """Return the moment that a parameter of the URL names; answers 400 to what is none."""
    text = request.args.get(name, "").strip()
    found = read(text) if text else None
    if text and found is None:
        abort(400)
    return found


def written(moment: dt.datetime) -> str:
    """Write a moment in UTC as a URL and a field of type datetime-local have it, to the second."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
