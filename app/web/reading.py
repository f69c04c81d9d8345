"""How the transaction of a request ends that has only read.

It is committed: rolling it back, as is done for a session that is let go, makes psycopg forget the statements
that it has prepared on the connection, and each would be parsed and planned anew at every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import request
from sqlalchemy import event

from app.extensions import db

if TYPE_CHECKING:
    from flask import Flask, Response
    from sqlalchemy.orm import Session

READS: Final = frozenset({"GET", "HEAD"})
FAILED: Final = 400
_WRITTEN: Final = "written"


def register(app: Flask) -> None:
    app.after_request(finish)
    if not event.contains(db.session, "after_flush", _note):
        event.listen(db.session, "after_flush", _note)


def finish(response: Response) -> Response:
    """End the transaction, unless the view has written: then it has committed what it meant to keep."""
    session = db.session()
    if request.method in READS and response.status_code < FAILED and not session.info.get(_WRITTEN):
        session.commit()
    return response


def _note(session: Session, *_: Any) -> None:
    session.info[_WRITTEN] = True
