"""How a request reads, and how its transaction ends.

A list's request has no transaction: each statement sees what is committed when it begins, which it would in
one as well, and to begin and to commit takes as long as another statement.

Any other that has only read is committed: rolling back, as is done for a session that is let go, makes
psycopg forget the statements that it has prepared on the connection, and each would be parsed and planned
anew at every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import flask
from flask import request
from flask.signals import request_started
from sqlalchemy import event

from app.extensions import db

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response
    from sqlalchemy.orm import Session, SessionTransaction

View = TypeVar("View", bound="Callable[..., object]")

READS: Final = frozenset({"GET", "HEAD"})
FAILED: Final = 400
SIGNED_IN: Final = "_user_id"
"""Where Flask-Login keeps in a browser's session who it is."""
_WRITTEN: Final = "written"
_ALONE: Final = "each statement alone"


def alone(view: View) -> View:
    """Mark a view of a list: its statements run each by itself, and it cannot write."""
    return alone_without("")(view)


def alone_without(parameter: str) -> Callable[[View], View]:
    """Mark one that is read so unless its URL has a parameter: a search has settings for its transaction."""

    def mark(view: View) -> View:
        view.reads_alone = parameter  # type: ignore[attr-defined]  # functions take attributes
        return view

    return mark


def register(app: Flask) -> None:
    request_started.connect(begin, app)  # before the extensions ask who is signed in
    app.after_request(finish)
    if not event.contains(db.session, "after_flush", _note):
        event.listen(db.session, "before_flush", _refuse)
        event.listen(db.session, "after_flush", _note)
        event.listen(db.session, "after_transaction_end", _end)


def begin(app: Flask, **_: Any) -> None:
    """Begin the request of a marked view without a transaction; who has not signed in, will see nothing."""
    parameter = getattr(app.view_functions.get(request.endpoint or ""), "reads_alone", None)
    if parameter is None or request.method not in READS or request.args.get(parameter):
        return
    if SIGNED_IN in flask.session:
        session = db.session()
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        session.info[_ALONE] = True


def finish(response: Response) -> Response:
    """End the transaction, unless the view has written: then it has committed what it meant to keep."""
    session = db.session()
    has_written = session.info.get(_WRITTEN) or session.info.get(_ALONE)
    if request.method in READS and response.status_code < FAILED and not has_written:
        session.commit()
    return response


def _refuse(session: Session, *_: Any) -> None:
    if session.info.get(_ALONE):
        raise RuntimeError("a view that reads each statement alone writes nothing")


def _end(session: Session, _: SessionTransaction) -> None:
    """What follows a commit, such as noting an attempt that was denied, is in a transaction again."""
    session.info.pop(_ALONE, None)


def _note(session: Session, *_: Any) -> None:
    session.info[_WRITTEN] = True
