"""Error pages: what went wrong and what to do next, never a traceback.

They are rendered without the layout of the signed-in pages, for that one asks the database who is there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg
from flask import current_app, flash, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from app.errors import (
    Conflict,
    ConsoleError,
    DatabaseNotMigrated,
    DatabaseUnavailable,
    IllegalMove,
    Invalid,
    MissingAsset,
    NotFound,
)
from app.extensions import db, htmx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from flask.typing import ResponseReturnValue

log = logging.getLogger(__name__)

STATUS: Final[Mapping[type[ConsoleError], int]] = {
    Invalid: 400,
    NotFound: 404,
    Conflict: 409,
    IllegalMove: 409,
    DatabaseUnavailable: 503,
    DatabaseNotMigrated: 503,
    MissingAsset: 503,
}


class Words(NamedTuple):
    """A heading and what to do next."""

    title: str
    advice: str


WORDS: Final[Mapping[int, Words]] = {
    400: Words("The request was not understood", "Go back, check what you entered and send it again."),
    403: Words(
        "You may not do this",
        "Your role does not include it, and the attempt was noted. Ask an administrator of this console.",
    ),
    404: Words("There is no such page", "It may have been removed, or the address is not complete."),
    405: Words("This address takes a form", "Open the page that has the form and send it from there."),
    413: Words("That was too much", "Send less text."),
    500: Words("The console has made a mistake", "It is in the log with all details. Try again."),
}


def register(app: Flask) -> None:
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ConsoleError, _console_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(psycopg.Error, _database_error)


def _page(status: int, title: str, advice: str, detail: str = "") -> ResponseReturnValue:
    template = current_app.jinja_env.get_template("errors/error.html")
    page = template.render(status=status, title=title, advice=advice, detail=detail)
    # htmx puts answers other than 2xx nowhere; a fragment's request loads the page with the error instead.
    return page, status, {"HX-Refresh": "true"} if htmx and request.method == "GET" else {}


def _stale_form(error: CSRFError) -> ResponseReturnValue:
    advice = (
        "Open the page again and send the form from there. If you have signed out meanwhile, sign in first."
    )
    return _page(400, "The form is too old", advice, error.description or "")


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status in range(300, 400):
        return error.get_response()
    words = WORDS.get(status) or Words(error.name, "Go back and try again.")
    return _page(status, *words)


def _console_error(error: ConsoleError) -> ResponseReturnValue:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return _page(status, _sentence(str(error)), error.advice)


def _database_error(error: DBAPIError | psycopg.Error) -> ResponseReturnValue:
    db.session.rollback()
    cause = error.orig if isinstance(error, DBAPIError) else error
    first_line = str(cause).strip().partition("\n")[0]
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return _console_error(DatabaseNotMigrated(f"The database has no schema for this: {first_line}"))
    if isinstance(cause, psycopg.DataError):
        return _page(400, *WORDS[400], first_line)
    if isinstance(cause, psycopg.OperationalError):
        log.error("the database does not answer: %s", first_line)
        return _console_error(DatabaseUnavailable("The database does not answer"))
    raise error


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def tell(error: ConsoleError) -> None:
    """Show an error above the page that comes next, with what to do."""
    flash(f"{_sentence(str(error))}. {error.advice}", "danger")
